"""Where training queries come from: one file for each kind."""
