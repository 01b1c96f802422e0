"""Depth: only layers are dropped, those first that change their input least (ShortGPT, arXiv 2403.03853)."""

from drama.errors import DramaError
from drama.prune.methods.importance import Importance
from drama.prune.shape.shape import Shape


class Depth(Importance):
    """The layer scores of `importance`; every width stays the parent's."""

    def check(self, parent: Shape, target: Shape) -> None:
        """Raises DramaError: a width below the parent's."""
        for field in ("hidden", "heads", "kv_heads", "intermediate"):
            wanted, available = getattr(target, field), getattr(parent, field)
            if wanted < available:
                raise DramaError(
                    f"prune.shape.{field}: {wanted} is below the parent's {available}, and the method "
                    "'depth' drops layers only",
                    hint=f"leave prune.shape.{field} out, or use method: importance",
                )
