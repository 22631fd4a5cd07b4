"""Examples are refused at load where nothing is installed that compares them."""

import importlib.util
from collections.abc import Callable

import pytest

from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]

_FILES = {"a": "name: a\nvariants: [{backend: llamacpp, path: x}]\n"}
_ROLE = "roles: {auto: {use: [a], route: [{when: {like: [%s]}, to: a}]}}"


def test_examples_need_their_package(monkeypatch: pytest.MonkeyPatch, load_files: Load, problems: Problems) -> None:
    """The message says what to install, at the first example."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    (rule,) = load_files(_ROLE % "where is my parcel, refund", **_FILES).roles["auto"].route
    assert ("where is my parcel", "refund") == rule.when.like
    assert "hostd.yaml:1:49: " in problems(_ROLE % "1", **_FILES)[0]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    (told,) = problems(_ROLE % "where is my parcel", **_FILES)
    assert told.startswith("hostd.yaml:1:49: ")
    assert "hostd[semantic]" in told
