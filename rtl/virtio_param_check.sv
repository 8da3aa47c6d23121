// SPDX-License-Identifier: Apache-2.0
// Ends elaboration with `Message` unless `Ok`. One place for it, as Icarus 11 knows no elaboration system tasks: there the
// simulation ends at time 0 instead.

module virtio_param_check #(
    parameter bit Ok = 1'b1,
    parameter Message = ""
) ();

`ifdef __ICARUS__
  initial if (!Ok) $fatal(1, "%s", Message);
`else
  if (!Ok) begin : g_refuse
    $error("%s", Message);
  end
`endif

endmodule
