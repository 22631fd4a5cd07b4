"""Anthropic's messages, whole and streamed, read for clients of chat completions; its own clients are sent them as they are."""
