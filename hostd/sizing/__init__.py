"""Variants bound to files, measured footprints, and the planner of daemon and command line."""
