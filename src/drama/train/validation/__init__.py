"""Measurements while training, on what is not trained on."""
