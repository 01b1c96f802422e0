"""Sheared LLaMA (arXiv 2310.06694): masks and weights learnt together, under a constraint on the masks."""
