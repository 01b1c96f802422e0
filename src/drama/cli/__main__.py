"""`python -m drama.cli`."""

from drama.cli import main

main()
