"""The owner's files become settings here, and nowhere else: found, read, checked with the place of every mistake, explained."""
