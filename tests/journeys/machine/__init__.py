"""A machine that a real systemd has booted, for the journeys of the service."""
