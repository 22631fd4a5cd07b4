"""Whether an engine is ready, works, makes progress, or hangs."""
