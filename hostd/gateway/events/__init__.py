"""What the owner's programs follow while it happens: the dashboard, `hostd top`, `hostd events`."""
