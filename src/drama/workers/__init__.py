"""Where the heavy parts run: in this process, or on actors of a Ray cluster. The functions are the same."""

from drama.workers.work import Make, RaySettings, work_through

__all__ = ["Make", "RaySettings", "work_through"]
