"""The page that shows the daemon in a browser, and what it asks beyond what programs ask."""
