"""Doors: the HTTP application. One module per dialect; the relay that all of them answer through; the owner's own routes."""
