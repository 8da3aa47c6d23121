# SPDX-License-Identifier: Apache-2.0
# For out-of-context synthesis of the packaged device only; in a design the clock comes from the block that makes it.
# Everything is synchronous to clk_i, rst_ni included, so nothing is excepted: no false path, no multicycle path, no clock crossing.
create_clock -name clk_i -period 10.000 [get_ports clk_i]
