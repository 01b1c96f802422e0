"""One small file for each kind of input: tables, web pages, hub datasets, Python's own documentation."""
