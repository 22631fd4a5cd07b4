"""OpenAI's chat completions, whole and streamed, read for clients that speak another dialect."""
