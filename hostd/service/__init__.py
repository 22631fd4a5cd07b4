"""hostd as a service: the files that systemd and launchd read, their commands, and what the daemon tells systemd."""
