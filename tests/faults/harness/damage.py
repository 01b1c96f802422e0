"""Files as a bad disk or a crash leaves them: one bit flipped, or the end missing."""

import random
from pathlib import Path


def flip(file: Path, draw: random.Random) -> str:
    """Flip one bit of a file. Returns what was done, in words."""
    data = bytearray(file.read_bytes())
    place, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
    data[place] ^= bit
    file.write_bytes(data)
    return f"bit {bit} of byte {place} of {len(data)} flipped in {file}"


def tear(file: Path, draw: random.Random) -> str:
    """Cut the end off a file. Returns what was done, in words."""
    data = file.read_bytes()
    left = draw.randrange(len(data))
    file.write_bytes(data[:left])
    return f"{file} cut to {left} of {len(data)} bytes"


def choose(folder: Path, draw: random.Random) -> Path | None:
    """Any file of a folder that holds something."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.stat().st_size]
    return draw.choice(files) if files else None
