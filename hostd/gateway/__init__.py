"""The HTTP server: inference in every dialect through the proxy, the owner's routes, health and metrics."""
