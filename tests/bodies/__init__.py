# SPDX-License-Identifier: Apache-2.0
"""Test bodies: what is shown about a device, whatever carries the register accesses and the interrupt.

Each runs on a `Rig`, in milliseconds on the model and on the pins of a simulated device. A body starts from any state,
leaves nothing outstanding, and says in its decorator how many used buffers it proves itself by.
"""
