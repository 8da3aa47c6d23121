# SPDX-License-Identifier: Apache-2.0
"""Software of other people drives the simulated device: kernels and boot loaders in a virtual machine."""
