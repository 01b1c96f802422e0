"""The embedding store: no text is encoded twice."""
