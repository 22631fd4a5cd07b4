"""One suite over every engine that hostd can run: what a backend promises, its real engine must keep."""
