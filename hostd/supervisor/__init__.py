"""One engine's process, from launch to the last byte of memory back."""
