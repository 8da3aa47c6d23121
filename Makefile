# SPDX-License-Identifier: Apache-2.0

.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv

# SHELL is make's own variable: `make linux SHELL=1` asks for a shell in the guest, and must not reach the makes of builds.
ifeq ($(SHELL),1)
override SHELL := /bin/sh
MAKEOVERRIDES := $(filter-out SHELL=%,$(MAKEOVERRIDES))
TERMINAL := 1
endif

PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.stamp

# Knobs of the targets below; each may be given on the command line or in the environment.
export TEST CONFIG SEED SIM MEM WAVES DISK DISK_WRITE MAIN JOBS TIMEOUT RERUN WINDOW
export SEEDS CYCLES CHAINS TIMING
export BENCH ROUNDS REPEAT SOAK SYNTH
export REGS IRQ
export DEVICES FEATURES KERNEL INITRD TERMINAL ARCH DEVICE RECORD
export DUT PARAMETERS TRACE
export SAMPLE MUTANT

sim: $(STAMP) ## run the simulation tests: TEST=name CONFIG=name SEED=n SIM=verilator|icarus MEM=fast|axiram MAIN=native|cocotb WAVES=1 DISK=path DISK_WRITE=1 JOBS=n RERUN=n WINDOW=us
	@$(PY) -m tests.sim.regress

test: $(STAMP) ## run everything that CI runs: unit tests, simulation on Verilator and Icarus, its main programs compared, lint
	@$(PY) -m tests.everything

soak: $(STAMP) ## random requests with many seeds: SEEDS=n CYCLES=n CHAINS=n CONFIG=name TIMING=none|light|heavy SEED=first JOBS=n, and those of sim
	@$(PY) -m tests.sim.soak

board: $(STAMP) ## test a device on a board, mapped from files (docs/board.md): REGS=file[@offset] MEM=file[@offset,bus_address] IRQ=uio|poll TEST=name SEED=n
	@$(PY) -m tests.board

linux: $(STAMP) ## an unmodified Linux under QEMU drives the devices (docs/linux.md): DEVICES=rng,blk,net,console,input FEATURES=full|minimal|... TIMING=none|light|heavy SEED=n TIMEOUT=s SHELL=1 KERNEL=file INITRD=file DISK=file DUT=device.toml PARAMETERS='NAME=n ...' WAVES=1 WINDOW=part
	@$(PY) -m tests.system.linux

uboot: $(STAMP) ## an unmodified U-Boot drives the devices, unicorn being its processor (docs/uboot.md): ARCH=riscv64|arm64 DEVICE=blk|rng|net TIMING=none|light|heavy SEED=n TIMEOUT=s DUT=device.toml PARAMETERS='NAME=n ...' WAVES=1 WINDOW=part
	@$(PY) -m tests.system.uboot

system: $(STAMP) ## the full matrix of Linux and U-Boot, devices, features and bus timings: SEED=n TIMEOUT=s
	@$(PY) -m tests.system

check-dut: $(STAMP) ## check a device of other people, described in a file (docs/check-dut.md): DUT=device.toml PARAMETERS='NAME=n ...' TEST=name SIM=verilator|icarus SEED=n JOBS=n TIMEOUT=s
	@$(PY) -m tests.check

conformance: $(STAMP) ## the regression, then a verdict on each requirement of the standard, as JSON, HTML and JUnit: as sim
	@$(PY) -m tests.conformance

coverage: $(STAMP) ## the regression with coverage: what happened on the pins, which lines of the RTL were passed (docs/coverage.md): SEEDS=n, and as sim
	@$(PY) -m tests.coverage

check-trace: $(STAMP) ## judge a driver by a register trace of it (docs/driver-rules.md): TRACE=file
	@$(PY) -m cocotbext.virtio.check_trace $(or $(TRACE),$(error TRACE=file expected: a register trace, such as tests/traces/linux-6.1-rng.txt))

mutate: $(STAMP) ## put faults into the RTL, one at a time, and see whether the tests notice (docs/mutation.md): SAMPLE=n SEED=n CONFIG=name,... TEST=module,... MUTANT=id JOBS=n
	@$(PY) -m tests.mutate

bench: $(STAMP) ## measure the RTL in cycles, and how fast the simulation is: BENCH=rtl,speed,regression,soak ROUNDS=n REPEAT=n SOAK=n JOBS=n
	@$(PY) -m tests.bench.measure

plot: $(STAMP) ## draw docs/speed.png and .svg from the figures of make bench BENCH=rtl
	@$(PY) -m pip install -qq --disable-pip-version-check -r requirements-plot.txt
	@$(PY) -m tests.bench.plot

synth: $(STAMP) ## area and clock rate in an FPGA, by yosys and nextpnr: SYNTH=small,default,wide JOBS=n
	@$(PY) -m pip install -qq --disable-pip-version-check -r requirements-synth.txt
	@$(PY) -m tests.synth.measure

waves: $(STAMP) ## run TEST=name with waveforms and write a GTKWave save file with named registers and states
	@$(PY) -m tests.sim.waves

lint: $(STAMP) ## check RTL and Python with verilator, slang, verible, iverilog, ruff and mypy
	@$(PY) -m tests.lint

format: $(STAMP) ## format RTL and Python in place, as `make lint` wants them
	@$(PY) -m tests.lint --fix

list: $(STAMP) ## list the tests and HDL configurations
	@$(PY) -m tests.sim.regress --list

deps: ## install optional Debian packages: Icarus Verilog, FST and ext4 support, ccache, GTKWave
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y iverilog liblz4-dev zlib1g-dev ccache gtkwave e2fsprogs \
		qemu-system-x86 busybox-static acpica-tools device-tree-compiler

clean: ## remove builds, results and caches (keeps .venv)
	rm -rf sim_build .pytest_cache .mypy_cache .ruff_cache .hypothesis results.xml build *.egg-info
	find models tb tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(STAMP): requirements.txt tests/setup_venv.sh
	@sh tests/setup_venv.sh "$(PYTHON)" "$(VENV)"
	@touch $@

.PHONY: sim test soak board linux uboot system check-dut check-trace conformance coverage mutate bench plot synth waves lint format list deps clean help
