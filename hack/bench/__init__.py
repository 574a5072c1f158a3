"""Measures licet beside what a user would pick instead, and beside the physical limit; see docs/benchmark.md."""
