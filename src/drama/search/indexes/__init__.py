"""Ways to find the nearest vectors."""
