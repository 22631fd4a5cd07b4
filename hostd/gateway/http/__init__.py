"""Listeners, connections and the checks that every request passes before a handler sees it."""
