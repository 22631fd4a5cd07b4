"""What becomes of requests that are too long, in the owner's file."""

import pytest

from hostd.domain.context_fit import FitSettings, Overflow
from tests.config.conftest import Load, Problems

LOCAL = "name: {0}\nvariants: [{{backend: llamacpp, path: /m.gguf}}]\n"
CLOUD = "name: cloud\nvariants: [{backend: cloud, provider: openai, model: gpt-5}]\n"
FILES = {name: LOCAL.format(name) for name in "ab"} | {"cloud": CLOUD}


@pytest.mark.parametrize(
    ("context", "fit"),
    [
        ("fit", FitSettings()),
        ("refuse", FitSettings(Overflow.REFUSE)),
        ("{}", FitSettings()),
        ("{summary: b}", FitSettings(summary="b")),
        ("{overflow: refuse, summary: b}", FitSettings(Overflow.REFUSE, "b")),
    ],
)
def test_what_is_said_is_read(load_files: Load, context: str, fit: FitSettings) -> None:
    """Short and long."""
    assert load_files(f"roles: {{r: {{use: [a], context: {context}}}}}", **FILES).roles["r"].context == fit


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("trim", "1:32: roles.r.context: 'trim' is not one of the values here"),
        ("{summary: c}", "1:42: no profile is named 'c'"),
        ("{summary: cloud}", "1:42: profile 'cloud' may be served by a provider"),
    ],
)
def test_what_is_wrong_is_said(problems: Problems, context: str, told: str) -> None:
    """At its place; a summary is never written by a provider."""
    (said,) = problems(f"roles: {{r: {{use: [a], context: {context}}}}}", **FILES)
    assert said.startswith(f"hostd.yaml:{told}"), said
