"""Where models are, and how their headers are read."""
