"""What is declared, what was found, and which of both counts."""

from dataclasses import replace

import pytest

from hostd.domain.capability import Finding, Findings, ProbeVerdict, with_found
from hostd.domain.profile import Capabilities

YES, NO, UNKNOWN = (Finding(verdict, "so") for verdict in (ProbeVerdict.YES, ProbeVerdict.NO, ProbeVerdict.UNKNOWN))


def declared(name: str, able: bool) -> Capabilities:
    """Return what a profile says of one capability."""
    return replace(Capabilities(), **{name: able})  # type: ignore[arg-type]  # one of its flags


def test_a_verdict_is_a_flag_where_it_is_known() -> None:
    """Unknown is neither."""
    assert (True, False, None) == (YES.verdict.says, NO.verdict.says, UNKNOWN.verdict.says)


@pytest.mark.parametrize("name", ["tools", "vision", "json_schema"])
def test_what_is_declared_counts(name: str) -> None:
    """Only where nothing is said does a finding count, and none where it is unknown."""
    found = {name: NO}
    assert getattr(with_found(declared(name, True), found), name) is True
    assert getattr(with_found(Capabilities(), found), name) is False
    assert getattr(with_found(Capabilities(), {name: UNKNOWN}), name) is None
    assert getattr(with_found(declared(name, False), {name: YES}), name) is False


def test_thinking_is_a_word() -> None:
    """As profiles write it; embeddings stay as they are declared."""
    assert "true" == with_found(Capabilities(), {"thinking": YES}).thinking
    assert "false" == with_found(Capabilities(), {"thinking": NO}).thinking
    assert "optional" == with_found(Capabilities(thinking="optional"), {"thinking": NO}).thinking
    assert with_found(Capabilities(), {"thinking": UNKNOWN, "embeddings": YES}) == Capabilities()


def test_changes_are_counted() -> None:
    """What depends on findings is made anew when they differ, and only then."""
    findings = Findings()
    assert ({}, 0) == (findings.of("m"), findings.revision)
    findings.put("m", {})
    assert 0 == findings.revision
    findings.put("m", {"tools": NO})
    findings.put("m", {"tools": NO})
    assert ({"tools": NO}, 1, "<Findings of 1 models>") == (findings.of("m"), findings.revision, repr(findings))
