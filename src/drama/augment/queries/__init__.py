"""Where training queries come from: one file for each maker; `drama.augment.kinds` lists them."""
