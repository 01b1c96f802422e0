"""Continued training: recovery, the loop of updates, and languages as domains."""
