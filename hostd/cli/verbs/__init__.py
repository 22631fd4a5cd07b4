"""One file per verb. Each holds a function whose signature is the verb's options and whose docstring is its help."""
