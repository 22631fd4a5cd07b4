"""Engines that other packages add."""

from importlib.metadata import EntryPoint

import pytest

from hostd.backends import registry
from hostd.backends.attached.engine import Attached
from hostd.backends.contract import Endpoint, Engine, Launch
from hostd.backends.registry import external_backends
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption

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


class Unrelated:
    """An engine that extends nothing of hostd's."""

    name = "unrelated"

    def accepts(self, variant: Variant) -> str | None:
        """Accept what names a model."""
        return None if variant.model else "it names no model"

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:  # noqa: ARG002
        """Launch nothing in particular."""
        return Launch((str(variant.model),), {}, Endpoint(f"http://127.0.0.1:{port}", profile.name), "/health", 1)


def nonsense() -> int:
    """Make no engine."""
    return 1


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
        ("half", f"{HERE}:Half", "it has no accepts, launch"),
        ("nonsense", f"{HERE}:nonsense", "AttributeError: 'int' object has no attribute 'name'"),
        ("other", f"{HERE}:fourth", "it calls itself 'fourth'"),
        ("llamacpp", f"{HERE}:fourth", "another engine has that name already"),
    ],
)
def test_one_that_is_broken_is_left_out_with_a_sentence(
    installed: list[EntryPoint], name: str, value: str, why: str
) -> None:
    """It never keeps the others, or hostd, from starting."""
    add(installed, name, value)
    add(installed, "fourth", f"{HERE}:fourth")
    found, troubles = external_backends({}, ("llamacpp",))
    assert ["fourth"] == list(found)
    (trouble,) = troubles
    assert trouble.startswith(f"the engine '{name}' of {value} is left out: {why}")
    assert trouble.endswith("; update that package, or remove it")


async def test_one_that_extends_nothing_inherits_what_it_lacks(installed: list[EntryPoint]) -> None:
    """Its own methods are used; the rest is the contract's."""
    add(installed, "unrelated", f"{HERE}:Unrelated")
    found, problems = external_backends({}, ())
    engine = found["unrelated"]
    assert isinstance(engine, Engine)
    assert ((), "it names no model", None) == (
        problems,
        engine.accepts(Variant("unrelated")),
        engine.adapt(Endpoint("", ""), {}),
    )
    launch = engine.launch(Profile("m", ()), Variant("unrelated", model="x"), None, 1, "k")
    assert (("x",), ExitClass.UNKNOWN) == (launch.argv, engine.classify(1, ()))
