"""The engines by name."""

from importlib.metadata import EntryPoint

import pytest

from hostd.backends import registry
from hostd.backends.registry import backends


def test_every_backend_is_found_under_its_own_name() -> None:
    """The key of the mapping is what a variant's ``backend`` says."""
    found = backends({})
    assert {"llamacpp", "mlx", "ollama", "openai"} <= set(found)
    assert all(name == backend.name for name, backend in found.items())


def test_other_packages_add_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be used is reported, and takes no name."""
    points = [
        EntryPoint("fourth", "tests.backends.test_registry_entry_points:fourth", registry.GROUP),
        EntryPoint("cloud", "tests.backends.test_registry_entry_points:fourth", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)
    troubles: list[str] = []
    assert "fourth" in backends({}, troubles)
    [sentence] = troubles
    assert "'cloud'" in sentence
