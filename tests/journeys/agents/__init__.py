"""The agents' own programs, started by `hostd launch`, at a task of one file."""
