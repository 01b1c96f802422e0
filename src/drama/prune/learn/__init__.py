"""Continued training: the loop of updates, recovery, and domains with their shares of the batches."""
