"""Engines that other packages add."""

from importlib.metadata import EntryPoint

import pytest

from hostd.config import variants


def test_names_come_from_entry_points_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported to know them: the code behind these does not exist."""
    points = [EntryPoint(name, "no.such.module:Engine", variants.GROUP) for name in ("tenth", "eleventh", "tenth")]
    monkeypatch.setattr(variants, "entry_points", lambda group: points if group == "hostd.backends" else [])
    assert ("eleventh", "tenth") == variants.registered()
