"""How hostd's demonstration models are made: text, tokenizer, training, and the files that engines read."""
