"""Benchmarks against peers, and of our own parts: `drama bench NAME`.

Each writes `NAME.json`: `{"command", "commit", "machine", "versions", "rounds": [raw figures], "summary"}`.
Those of many runs write one such file per run, with its `settings`, and resume if interrupted.
"""
