"""Responses that are kept for their clients: on disk, for a bounded time and size, if the owner wants that."""
