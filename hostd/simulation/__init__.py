"""Replays of recorded or invented days through the real decisions, in virtual time; pure."""
