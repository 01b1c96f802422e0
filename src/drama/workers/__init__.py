"""Where the heavy parts run: in this process, or by actors of a Ray cluster. The functions are the same."""

from drama.workers.settings import RaySettings
from drama.workers.work import Make, work_through

__all__ = ["Make", "RaySettings", "work_through"]
