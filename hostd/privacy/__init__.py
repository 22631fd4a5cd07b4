"""What must not leave the machine: where it is in a conversation, how it is masked, and how an answer gets it back. Pure."""
