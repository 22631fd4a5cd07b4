"""Ollama: managed (`ollama serve`) or attached by URL."""
