"""llama.cpp: `llama-server`, the server in the xllamacpp wheel, and llama-cpp-python's server."""
