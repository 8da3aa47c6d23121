# SPDX-License-Identifier: Apache-2.0
"""Test bodies, and what runs them on a described device: parts of the checkout's tests/, as the package installs them."""
