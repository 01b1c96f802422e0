"""Faults on purpose, one idea a file.

`server` starts commands quickly, `points` stops them at a chosen file operation; `disks`, `damage` and `llm`
break what they stand on; `stages` lists what is disturbed; `trial` disturbs and judges; `table` writes
docs/reliability.md.
"""
