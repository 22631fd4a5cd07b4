"""Tests of what a model will hold, before anything is loaded."""
