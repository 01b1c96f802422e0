"""Embedding store: no text is embedded twice."""
