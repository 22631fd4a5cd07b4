"""What models can really do, found out by asking them: when nobody else does, and by the way that every request takes."""
