"""Text for scoring and recovery: calibration batches, packed rows by language."""
