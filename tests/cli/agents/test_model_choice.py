"""Which model an agent gets by default."""

from typing import Any

import pytest

from hostd.cli.agents.model_choice import choose


def model(name: str, context: int | None, *, tools: bool | None = True, backend: str = "llamacpp") -> dict[str, Any]:
    """Return a model as the daemon lists it."""
    return {
        "name": name,
        "context": context,
        "capabilities": {"tools": tools, "embeddings": False},
        "variants": [{"backend": backend, "usable": True}],
    }


def role(name: str, *use: str, require: tuple[str, ...] = ("tools",)) -> dict[str, Any]:
    """Return a role as the daemon lists it."""
    return {"name": name, "use": list(use), "require": list(require)}


LOST = model("lost", 500_000) | {"variants": [{"backend": "llamacpp", "usable": False}]}
VECTORS, RANKS = (
    model("vectors", 500_000) | {"capabilities": {"tools": None, kind: True}} for kind in ("embeddings", "rerank")
)


@pytest.mark.parametrize(
    ("models", "roles", "expected"),
    [
        ([model("small", 8192), model("large", 65_536), model("mute", 131_072, tools=False)], [], "large"),
        ([model("silent", 131_072, tools=None), model("sure", 8192)], [], "sure"),
        ([model("silent", 8192, tools=None), model("mute", 131_072, tools=False)], [], "silent"),
        ([model("large", 65_536), model("small", 8192)], [role("coder", "small")], "coder"),
        ([model("large", 65_536), model("small", 8192)], [role("talker", "small", require=())], "large"),
        ([model("a", 8192), model("b", 65_536)], [role("quick", "a"), role("coder", "b")], "coder"),
        ([model("cloudy", 1_000_000, backend="cloud"), model("here", 8192, tools=None)], [], "here"),
        ([model("here", 8192), model("cloudy", 1_000_000, backend="cloud")], [role("smart", "cloudy")], "here"),
        ([model("cloudy", 1_000_000, backend="cloud")], [], "cloudy"),
        ([model("first", 8192), model("second", 8192)], [], "first"),
        ([model("unknown", None), model("known", 8192)], [], "known"),
        ([LOST, VECTORS, model("found", 8192)], [role("coder", "lost", "found")], "coder"),
    ],
    ids=[
        "largest context",
        "declared before unsaid",
        "unsaid before none",
        "role that requires tools",
        "role that requires nothing",
        "larger role",
        "local before cloud",
        "local before a role in the cloud",
        "cloud alone",
        "first of equals",
        "known context",
        "what can be served",
    ],
)
def test_the_best_for_tools_is_chosen(models: list[Any], roles: list[Any], expected: str) -> None:
    """Local before what may leave the machine, then roles that require tools, then profiles that declare them, then by context."""
    choice = choose(models, roles)
    assert choice is not None
    assert expected == choice.name


def test_without_a_model_for_tools_there_is_no_choice() -> None:
    """Models that make vectors, rank, call no tools or cannot be served are none."""
    assert choose([LOST, VECTORS, RANKS, model("mute", 8192, tools=False)], [role("coder", "lost")]) is None


def test_a_program_may_do_without_tools() -> None:
    """Then a model that calls none is better than nothing, and only than that."""
    mute, silent = model("mute", 65_536, tools=False), model("silent", 8192, tools=None)
    without, better = choose([VECTORS, mute], [], tools=False), choose([mute, silent], [], tools=False)
    assert ("mute", "no model calls tools; 65536 tokens of context") == (without and (without.name, without.why))
    assert better is not None
    assert "silent" == better.name


def test_the_choice_says_why() -> None:
    """What it has before the others, and its context."""
    one, other = model("one", 65_536), model("other", None)
    found = [choose(models, []) for models in ([one], [one, other], [other])]
    assert [
        "it calls tools; 65536 tokens of context",
        "it calls tools; 65536 tokens of context, the most of such",
        "it calls tools; context unknown",
    ] == [choice and choice.why for choice in found]
