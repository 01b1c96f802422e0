"""Which examples make up a step's batch: a function of (seed, step)."""
