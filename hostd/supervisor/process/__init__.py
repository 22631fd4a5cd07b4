"""Processes and what they leave behind: start, identity, sockets, output, memory, and the end of orphans."""
