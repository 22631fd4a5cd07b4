"""Ollama's own dialect: chats, texts and vectors, and what its clients ask about models."""
