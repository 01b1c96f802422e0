"""What differs between model families, one small file each."""

from drama.prune.families.llama import Llama, check_family, family_of

__all__ = ["Llama", "check_family", "family_of"]
