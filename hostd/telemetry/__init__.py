"""What is logged, recorded and measured."""
