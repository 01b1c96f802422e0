"""Benchmarks against peers, run side by side, and studies of our own parts: `drama bench NAME`.

Each writes `NAME.json`: `{"command", "commit", "machine", "versions", "rounds": [raw figures], "summary"}`.
A study writes one such file a run, with its `settings`, and goes on where it was stopped.
"""
