"""Client and upstream dialects: how requests are parsed and how answers, streams and errors are written. Pure."""
