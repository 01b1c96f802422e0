"""Text from outside is decoded here; files are whole or absent; content hashes; one writer a folder."""

from drama.files.atomic import (
    PARTIAL,
    atomic_file,
    atomic_folder,
    make_folder,
    remove_leftovers,
    replace_folder,
    sync,
)
from drama.files.digest import fingerprint, fingerprint_path, sha256
from drama.files.explain import explaining, write_error
from drama.files.lock import LOCK, writing
from drama.files.text import read_json, write_json, write_text

__all__ = [
    "LOCK",
    "PARTIAL",
    "atomic_file",
    "atomic_folder",
    "explaining",
    "fingerprint",
    "fingerprint_path",
    "make_folder",
    "read_json",
    "remove_leftovers",
    "replace_folder",
    "sha256",
    "sync",
    "write_error",
    "write_json",
    "write_text",
    "writing",
]
