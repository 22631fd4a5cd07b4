"""What this machine has: each source asks one kind of hardware and returns pools, or sentences on why it cannot.

Nothing here raises because of what a driver says. A card that fails is left out and told of; the others stay.
"""
