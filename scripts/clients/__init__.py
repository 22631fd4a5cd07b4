"""What runs suites and programs that others wrote, and what is told of it."""
