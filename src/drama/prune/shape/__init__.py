"""Shapes: the child's, those of the rounds on the way to it, and their numbers of parameters."""
