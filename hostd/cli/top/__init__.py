"""What `hostd top` shows: the daemon's events, kept as they came last, drawn into the lines of a terminal."""
