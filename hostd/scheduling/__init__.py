"""What happens now: events in, effects out. Pure: the time is an argument, and nothing here waits, reads or writes."""
