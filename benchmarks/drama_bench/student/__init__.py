"""`drama bench student`: a student against all that costs nothing, on collections that had no part in it."""

from drama_bench.student.bench import bench_student

__all__ = ["bench_student"]
