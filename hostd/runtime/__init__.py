"""The event loop's side of decisions: the dispatcher in front of the scheduler, the calendar's clock, start-up and reload."""
