"""Tests of the dashboard's routes; what it does in a browser is a journey."""
