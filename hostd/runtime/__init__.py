"""Hands: the loop that owns the desk, the engines' processes, and what is written down about them."""
