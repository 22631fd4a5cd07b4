"""Servers that run already, attached by URL."""
