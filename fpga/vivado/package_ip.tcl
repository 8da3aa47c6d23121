# SPDX-License-Identifier: Apache-2.0
# Packages the devices as IP-XACT for Vivado's IP integrator.
#
#   vivado -mode batch -source fpga/vivado/package_ip.tcl -tclargs OUTPUT_DIRECTORY [DEVICE ...]
#
# DEVICE is blk, net or rng; all of them if none is named. Add OUTPUT_DIRECTORY to the ip_repo_paths of the project that uses them.

set root [file normalize [file join [file dirname [info script]] .. ..]]
if {[llength $argv] < 1} {
  puts stderr "usage: package_ip.tcl OUTPUT_DIRECTORY ?blk? ?net? ?rng?"
  exit 2
}
set output [file normalize [lindex $argv 0]]
set devices [lrange $argv 1 end]
if {[llength $devices] == 0} { set devices {blk net rng} }

set titles(blk) "VirtIO-MMIO block device"
set titles(net) "VirtIO-MMIO network device"
set titles(rng) "VirtIO-MMIO entropy device"

# Parameters that the customization dialog offers; the others keep their defaults.
set common {AxiDataWidth AxiAddrWidth AxiIdWidth TransportFeatures}
set parameters(blk) [concat $common {
  NumQueues ReadOnly SegMax SizeMax BlkSize ConfigWce MultiQueue MaxDiscardSectors MaxDiscardSeg DiscardAlignment
  MaxWriteZeroesSectors MaxWriteZeroesSeg WriteZeroesMayUnmap
}]
set parameters(net) [concat $common {QueuePairs MrgRxbuf CtrlVq CtrlVlan Mtu RxStoreBytes}]
set parameters(rng) [concat $common {NumQueues}]

# Buses that must have been recognized by the names of their ports.
set buses(blk) {s_axil m_axi}
set buses(net) {s_axil m_axi mac_tx mac_rx}
set buses(rng) {s_axil m_axi}

foreach device $devices {
  if {![info exists titles($device)]} {
    puts stderr "package_ip.tcl: unknown device $device, there are: [lsort [array names titles]]"
    exit 2
  }
  set top virtio_mmio_$device
  set directory [file join $output $top]
  file mkdir $directory
  create_project -in_memory -part xc7a100tcsg324-1 $top

  # The IP packager takes no SystemVerilog top, so a Verilog wrapper is packaged: wrap.py makes it.
  set package [file join $root rtl virtio_pkg.sv]
  set files [lsearch -all -inline -not -exact [lsort [glob [file join $root rtl *.sv]]] $package]
  add_files [concat [list $package] $files]
  add_files [file join $root fpga vivado ${top}_ip.v]
  set_property top ${top}_ip [current_fileset]
  add_files -fileset constrs_1 [file join $root fpga vivado virtio_mmio_ooc.xdc]
  set_property used_in {synthesis out_of_context} [get_files virtio_mmio_ooc.xdc]
  update_compile_order -fileset sources_1

  ipx::package_project -root_dir $directory -vendor virtio -library virtio -taxonomy /Embedded_Processing/AXI_Peripheral \
    -import_files -set_current true
  set core [ipx::current_core]
  set_property name $top $core
  set_property version 1.0 $core
  set_property display_name $titles($device) $core
  set_property description "$titles($device), VIRTIO 1.4, modern MMIO transport" $core
  set_property supported_families {artix7 Production kintex7 Production zynq Production zynquplus Production kintexu Production} $core

  # Clock, reset and interrupt are attributes of the wrapper's ports; buses are inferred from names.
  foreach bus [concat $buses($device) {clk_i rst_ni irq_o}] {
    if {[llength [ipx::get_bus_interfaces $bus -of_objects $core]] == 0} {
      puts stderr "package_ip.tcl: $top: interface $bus was not inferred"
      exit 1
    }
  }

  # The register window of 4 KiB.
  set_property range 4096 [ipx::get_address_blocks -of_objects [ipx::get_memory_maps s_axil -of_objects $core]]

  foreach name $parameters($device) {
    set parameter [ipx::get_user_parameters $name -of_objects $core]
    if {[llength $parameter] == 0} {
      puts stderr "package_ip.tcl: $top has no parameter $name"
      exit 1
    }
    set_property value_resolve_type user $parameter
    ipgui::add_param -name $name -component $core
  }

  ipx::update_checksums $core
  ipx::check_integrity $core
  ipx::save_core $core
  close_project
  puts "packaged $top in $directory"
}
