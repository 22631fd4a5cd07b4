"""What engines have read of conversations: in which slot it is, and the files that keep it."""
