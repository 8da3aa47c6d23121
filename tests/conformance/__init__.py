# SPDX-License-Identifier: Apache-2.0
"""`make conformance`: a verdict on each requirement of the standard, and what speaks for it (docs/conformance.md)."""
