// SPDX-License-Identifier: Apache-2.0
// What virtio_axi_rules and virtio_axil_rules report of a broken rule.

package virtio_axi_rules_pkg;

  localparam int Recent = 8;  // violations that a checker shows

  typedef logic [127:0] name_t;  // at most 16 characters, the last in the lowest byte

  typedef struct packed {
    logic [63:0] cycle;  // rising clock edges since the start of the simulation
    name_t rule;
    name_t signal;
    logic has_at;
    logic [63:0] at;  // address of the burst
    logic compared;
    logic [63:0] expected;
    logic [63:0] seen;
  } violation_t;

  localparam int ViolationBits = $bits(violation_t);

endpackage
