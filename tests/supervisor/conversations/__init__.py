"""Tests of `hostd.supervisor.conversations`."""
