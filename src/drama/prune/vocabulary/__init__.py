"""A smaller vocabulary for the texts at hand: which tokens stay, and a tokenizer and a model of those."""
