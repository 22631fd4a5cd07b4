"""The engines by name."""

from importlib.metadata import EntryPoint

import pytest

from hostd.backends import registry
from hostd.backends.registry import backends, renew
from hostd.domain.profile import EngineSettings, Settings


def test_every_backend_is_found_under_its_own_name() -> None:
    """The key of the mapping is what a variant's ``backend`` says."""
    found = backends({})
    assert {"llamacpp", "mlx", "ollama", "openai"} <= set(found)
    assert all(name == backend.name for name, backend in found.items())


def test_each_backend_knows_what_is_said_of_it() -> None:
    """And nothing of what is said of another; a name that no backend has changes nothing."""
    said = EngineSettings({"A": "1"}, 5.0)
    found = backends({}, settings={"mlx": said, "none": said})
    assert said == found["mlx"].settings
    assert EngineSettings() == found["llamacpp"].settings
    assert "none" not in found


def test_only_what_is_set_otherwise_is_renewed() -> None:
    """Engines that run keep the backend that they were launched by; others are not made anew."""
    found = backends({})
    before = dict(found)
    settings = Settings(commands={"llamacpp": ("/opt/llama-server",)}, engines={"mlx": EngineSettings({"A": "1"})})
    renew(found, {"mlx", "llamacpp", "none"}, settings)
    assert {"mlx", "llamacpp"} == {name for name in before if found[name] is not before[name]}
    assert ("1", before.keys()) == (found["mlx"].settings.env["A"], found.keys())


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
