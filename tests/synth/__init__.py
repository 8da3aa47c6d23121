# SPDX-License-Identifier: Apache-2.0
"""`make synth`: what the devices cost in an FPGA and how fast they can be clocked."""
