"""Engines that other packages add."""

from importlib.metadata import EntryPoint

import pytest

from hostd.backends import registry
from hostd.backends.attached.engine import Attached
from hostd.backends.registry import external_backends

HERE = __name__


class Third(Attached):
    """An engine that takes a command."""

    name = "third"

    def __init__(self, command: tuple[str, ...]) -> None:
        super().__init__()
        self.command = command


def fourth() -> Third:
    """Make an engine that takes nothing."""
    made = Third(())
    made.name = "fourth"
    return made


class Half:
    """An engine that lacks nearly everything."""

    name = "half"

    def classify(self) -> None:
        """Do nothing."""


def explode() -> None:
    """Be code that does not work."""
    raise SystemExit("no licence")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points of packages that are installed."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "hostd.backends" else [])
    return points


def add(points: list[EntryPoint], name: str, value: str) -> None:
    """Have a package add an engine."""
    points.append(EntryPoint(name, value, "hostd.backends"))


def test_engines_are_made_with_the_owners_command_or_with_nothing(installed: list[EntryPoint]) -> None:
    """Whatever the entry point takes."""
    add(installed, "third", f"{HERE}:Third")
    add(installed, "fourth", f"{HERE}:fourth")
    found, troubles = external_backends({"third": ("x", "y")}, ())
    assert ["third", "fourth"] == list(found)
    third = found["third"]
    assert isinstance(third, Third)
    assert (("x", "y"), ()) == (third.command, troubles)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("gone", "no.such.module:Engine", "ModuleNotFoundError: "),
        ("gone", f"{HERE}:Nothing", "AttributeError: "),
        ("explosive", f"{HERE}:explode", "SystemExit: no licence"),
        ("half", f"{HERE}:Half", "it has no accepts, launch, decoded, adapt"),
        ("other", f"{HERE}:fourth", "it calls itself 'fourth'"),
        ("llamacpp", f"{HERE}:fourth", "another engine has that name already"),
    ],
)
def test_one_that_is_broken_is_left_out_with_a_sentence(
    installed: list[EntryPoint], name: str, value: str, why: str
) -> None:
    """It never keeps the others, or the house, from working."""
    add(installed, name, value)
    add(installed, "fourth", f"{HERE}:fourth")
    found, troubles = external_backends({}, ("llamacpp",))
    assert ["fourth"] == list(found)
    (trouble,) = troubles
    assert trouble.startswith(f"the engine '{name}' of {value} is left out: {why}")
    assert trouble.endswith("; update that package, or remove it")
