#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make .venv with the pinned packages, or say in one line what the system lacks.  usage: setup_venv.sh PYTHON VENV
set -eu
python=$1
venv=$2
root=$(cd "$(dirname "$0")/.." && pwd)

missing=""
packages=""
need() { missing="$missing${missing:+, }$1"; packages="$packages $2"; }

if ! command -v "$python" >/dev/null 2>&1; then
    need "$python" "python3 python3-venv libpython3-dev"
else
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        echo "error: $python is $("$python" -V 2>&1), 3.10 or later is needed; name another one with PYTHON=python3.x" >&2
        exit 1
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || need "python3-venv" "python3-venv"
    # The simulator embeds Python, so the interpreter's shared library is needed too.
    "$python" - <<'PY' 2>/dev/null || need "libpython3 (shared library)" "libpython3-dev"
import ctypes, os, sysconfig
name = sysconfig.get_config_var("INSTSONAME")
if not name.endswith(".a"):
    try:
        ctypes.CDLL(os.path.join(sysconfig.get_config_var("LIBDIR"), name))
    except OSError:
        ctypes.CDLL(name)
PY
fi
cxx=${CXX:-c++}
command -v "${cxx%% *}" >/dev/null 2>&1 || need "a C++ compiler" "g++"
command -v perl >/dev/null 2>&1 || need "perl" "perl"
if [ -n "$missing" ]; then
    echo "error: missing: $missing. Install with: sudo apt-get install -y$packages" >&2
    exit 1
fi

echo "installing pinned packages into $venv (once, about a minute)"
rm -rf "$venv"
"$python" -m venv "$venv"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install -qq -r "$root/requirements.txt"
# The project itself is imported from where it is.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$root/tb" "$root/models" > "$site/cocotbext_virtio.pth"
