"""The Anthropic dialect: messages, whole and streamed, and the counting of their tokens."""
