"""Which shape the child will have: targets, rounds on the way to it, and the tokens that pay for it."""
