"""The owner's word counts, then the server's."""

import pytest

from hostd.backends.contract import ServerFacts
from hostd.domain.capability import Finding, ProbeVerdict
from hostd.domain.profile import Capabilities, Profile
from hostd.domain.thinking import ThinkingControl
from hostd.gateway import views


def model(context: int | None = None, **can: bool) -> Profile:
    """Return a model that is declared to have a *context*, and to be able to do so much."""
    return Profile("m", (), context=context, capabilities=Capabilities(**can))  # type: ignore[arg-type]  # booleans all


@pytest.mark.parametrize(
    ("declared", "said", "offered"),
    [(None, None, None), (None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
@pytest.mark.parametrize("name", ["tools", "vision"])
def test_silence_is_filled(name: str, declared: bool | None, said: bool | None, offered: bool | None) -> None:
    """A capability is what the owner declared, and else what the server says of itself, which may be nothing."""
    profile = model() if declared is None else model(**{name: declared})
    assert offered is views.capabilities(profile, ServerFacts(**{name: said}), {})[name]  # type: ignore[arg-type]  # booleans all


@pytest.mark.parametrize(
    ("declared", "said", "found", "offered"),
    [
        (None, True, ProbeVerdict.NO, False),
        (None, None, ProbeVerdict.YES, True),
        (None, True, ProbeVerdict.UNKNOWN, True),
        (True, None, ProbeVerdict.NO, True),
        (False, None, ProbeVerdict.YES, False),
    ],
)
def test_what_a_probe_found_comes_between(
    declared: bool | None, said: bool | None, found: ProbeVerdict, offered: bool
) -> None:
    """It is believed before the server, which knows the template and not the model, and after the owner."""
    profile = model() if declared is None else model(tools=declared)
    shown = views.capabilities(profile, ServerFacts(tools=said), {"tools": Finding(found, "so")})
    assert offered is shown["tools"]


def test_more_is_shown_where_it_was_found() -> None:
    """Kinds of calls that no profile declares, and each verdict with its reason."""
    found = {
        "thinking": Finding(ProbeVerdict.YES, "t"),
        "forced_tools": Finding(ProbeVerdict.YES, "f"),
        "parallel_tools": Finding(ProbeVerdict.UNKNOWN, "p"),
    }
    shown = views.capabilities(model(), ServerFacts(), found)
    assert (True, None, "true") == (shown["forced_tools"], shown["parallel_tools"], shown["thinking"])
    assert ["forced_tools", "parallel_tools", "thinking"] == list(views.probed(found))
    assert {"verdict": "unknown", "why": "p"} == views.probed(found)["parallel_tools"]


def test_what_a_template_shows_of_thinking() -> None:
    """Is told where the owner does not say."""
    facts = ServerFacts(thinking=ThinkingControl({"t": True}, {"t": False}))
    assert "optional" == views.capabilities(model(), facts, {})["thinking"]
    declared = Profile("m", (), capabilities=Capabilities(thinking="false"))
    assert "false" == views.capabilities(declared, facts, {})["thinking"]
    assert views.capabilities(model(), ServerFacts(), {})["thinking"] is None
    found = {verdict: {"thinking": Finding(verdict, "so")} for verdict in (ProbeVerdict.YES, ProbeVerdict.NO)}
    shown = [views.capabilities(model(), facts, each)["thinking"] for each in found.values()]
    assert ["optional", "false"] == shown


def test_embeddings_are_the_owners_to_declare() -> None:
    """What hostd would refuse to send is not offered."""
    assert views.capabilities(model(), ServerFacts(embeddings=True), {})["embeddings"] is False


@pytest.mark.parametrize(
    ("declared", "served", "offered"),
    [(None, None, None), (4096, None, 4096), (None, 2048, 2048), (4096, 2048, 2048), (2048, 4096, 2048)],
)
def test_the_smaller_context_counts(declared: int | None, served: int | None, offered: int | None) -> None:
    """A server that was given less than was declared is believed; one that has more is not to be asked for it."""
    assert offered == views.context(model(declared), ServerFacts(context=served))
