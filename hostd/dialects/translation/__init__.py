"""Between what OpenAI and Anthropic call a conversation, its tools, an answer and a stream; both ways."""
