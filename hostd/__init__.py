"""hostd: one local address in front of every model that this machine serves."""

__version__ = "0.1.0"
