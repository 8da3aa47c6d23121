// SPDX-License-Identifier: Apache-2.0
// Simulation only: the C++ behind memory and tap (virtio_memory.cpp, virtio_tap.cpp), by DPI, or on Icarus as VPI system
// tasks (virtio_vpi.cpp). Data is 512 bits wide for all bus widths, byte lane 0 first.

package virtio_c_pkg;

`ifdef __ICARUS__
  // Static tasks: VPI writes no automatic variables.
  /* verilator lint_off IMPLICITSTATIC */
  task static virtio_memory_open(output int handle);
    $virtio_memory_open(handle);
  endtask

  task static virtio_memory_push(input int handle, input int write, input int id, input longint address, input int len,
                                 input int size, input int burst, input int response, input longint due);
    $virtio_memory_push(handle, write, id, address, len, size, burst, response, due);
  endtask

  task static virtio_memory_pop(input int handle, input int write, input longint cycle, input int reorder,
                                output int found, output int id, output longint address, output int len,
                                output int size, output int burst, output int response);
    $virtio_memory_pop(handle, write, cycle, reorder, found, id, address, len, size, burst, response);
  endtask

  task static virtio_memory_clear(input int handle);
    $virtio_memory_clear(handle);
  endtask

  task static virtio_memory_read(input int handle, input longint cycle, input longint address, input int bytes,
                                 input int lanes, output bit [511:0] data, output int response);
    $virtio_memory_read(handle, cycle, address, bytes, lanes, data, response);
  endtask

  task static virtio_memory_write(input int handle, input longint cycle, input longint word, input int lanes,
                                  input bit [511:0] data, input longint strobe, output int response);
    $virtio_memory_write(handle, cycle, word, lanes, data, strobe, response);
  endtask

  task static virtio_tap_open(input int lanes, output int handle);
    $virtio_tap_open(lanes, handle);
  endtask

  task static virtio_tap_note(input int handle, input int kind, input longint cycle, input longint body);
    $virtio_tap_note(handle, kind, cycle, body);
  endtask

  task static virtio_tap_address(input int handle, input int write, input longint cycle, input int id,
                                 input longint address, input int len, input int size, input int burst);
    $virtio_tap_address(handle, write, cycle, id, address, len, size, burst);
  endtask

  task static virtio_tap_write_data(input int handle, input longint cycle, input int last, input bit [511:0] data,
                                    input longint strobe);
    $virtio_tap_write_data(handle, cycle, last, data, strobe);
  endtask

  task static virtio_tap_write_answer(input int handle, input longint cycle, input int id, input int response);
    $virtio_tap_write_answer(handle, cycle, id, response);
  endtask

  task static virtio_tap_read_data(input int handle, input longint cycle, input int id, input int response,
                                   input int last, input bit [511:0] data);
    $virtio_tap_read_data(handle, cycle, id, response, last, data);
  endtask

  task static virtio_tap_frame(input int handle, input int kind, input longint cycle, input int last, input int bad,
                               input bit [511:0] data, input longint keep);
    $virtio_tap_frame(handle, kind, cycle, last, bad, data, keep);
  endtask

  task static virtio_tap_unknown(input int handle, input longint cycle, input bit [95:0] name);
    $virtio_tap_unknown(handle, cycle, name);
  endtask

  task static virtio_tap_violation(input int handle, input longint cycle, input int port, input bit [127:0] rule,
                                   input bit [127:0] signal, input int has_at, input longint at, input int compared,
                                   input longint expected, input longint seen);
    $virtio_tap_violation(handle, cycle, port, rule, signal, has_at, at, compared, expected, seen);
  endtask
`else
  import "DPI-C" function void virtio_memory_open(output int handle);

  import "DPI-C" function void virtio_memory_push(
    input int handle,
    input int write,
    input int id,
    input longint address,
    input int len,
    input int size,
    input int burst,
    input int response,
    input longint due
  );

  import "DPI-C" function void virtio_memory_pop(
    input int handle,
    input int write,
    input longint cycle,
    input int reorder,
    output int found,
    output int id,
    output longint address,
    output int len,
    output int size,
    output int burst,
    output int response
  );

  import "DPI-C" function void virtio_memory_clear(input int handle);

  import "DPI-C" function void virtio_memory_read(
    input int handle,
    input longint cycle,
    input longint address,
    input int bytes,
    input int lanes,
    output bit [511:0] data,
    output int response
  );

  import "DPI-C" function void virtio_memory_write(
    input int handle,
    input longint cycle,
    input longint word,
    input int lanes,
    input bit [511:0] data,
    input longint strobe,
    output int response
  );

  import "DPI-C" function void virtio_tap_open(
    input  int lanes,
    output int handle
  );

  import "DPI-C" function void virtio_tap_note(
    input int handle,
    input int kind,
    input longint cycle,
    input longint body
  );

  import "DPI-C" function void virtio_tap_address(
    input int handle,
    input int write,
    input longint cycle,
    input int id,
    input longint address,
    input int len,
    input int size,
    input int burst
  );

  import "DPI-C" function void virtio_tap_write_data(
    input int handle,
    input longint cycle,
    input int last,
    input bit [511:0] data,
    input longint strobe
  );

  import "DPI-C" function void virtio_tap_write_answer(
    input int handle,
    input longint cycle,
    input int id,
    input int response
  );

  import "DPI-C" function void virtio_tap_read_data(
    input int handle,
    input longint cycle,
    input int id,
    input int response,
    input int last,
    input bit [511:0] data
  );

  import "DPI-C" function void virtio_tap_frame(
    input int handle,
    input int kind,
    input longint cycle,
    input int last,
    input int bad,
    input bit [511:0] data,
    input longint keep
  );

  import "DPI-C" function void virtio_tap_unknown(
    input int handle,
    input longint cycle,
    input bit [95:0] name
  );

  import "DPI-C" function void virtio_tap_violation(
    input int handle,
    input longint cycle,
    input int port,
    input bit [127:0] rule,
    input bit [127:0] signal,
    input int has_at,
    input longint at,
    input int compared,
    input longint expected,
    input longint seen
  );
`endif

endpackage
