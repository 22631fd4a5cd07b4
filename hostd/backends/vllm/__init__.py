"""vLLM: `vllm serve`."""
