"""What differs between model families, one small file each."""

from drama.prune.families.llama import Llama, family_of

__all__ = ["Llama", "family_of"]
