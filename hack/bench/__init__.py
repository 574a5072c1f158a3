"""Measures licet, its peers, and what nothing can be faster than; see docs/benchmark.md."""
