"""Prompts as YAML files, one folder a use, their readers, and the parser of labelled answers."""
