"""One small file for each kind of input, and the registry of formats."""
