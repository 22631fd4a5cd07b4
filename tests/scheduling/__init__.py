"""The decision-maker, driven with plain numbers for time."""
