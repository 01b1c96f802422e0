"""The trainers that `drama bench train` compares, each on the same pairs, batches and rates."""
