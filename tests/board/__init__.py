# SPDX-License-Identifier: Apache-2.0
"""`make board`: the test bodies on a mapped device, and the reference model served to it by another process."""
