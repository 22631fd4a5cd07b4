"""Frozen nouns that every other room speaks in. No input or output, no third-party package, no clock."""
