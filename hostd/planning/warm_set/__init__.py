"""The solver: which variants are warm and where. Pure."""
