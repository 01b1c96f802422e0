"""Benchmarks against peers, run side by side: `drama bench NAME`."""
