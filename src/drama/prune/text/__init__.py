"""The corpus as pruning reads it: calibration batches, and packed rows by language."""
