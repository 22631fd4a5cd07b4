"""Configuration: the owner's files are found, read, checked and converted to settings here and nowhere else."""
