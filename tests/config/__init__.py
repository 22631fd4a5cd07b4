"""Tests of the files that owners write."""
