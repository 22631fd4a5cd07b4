"""Rules of roles are checked as a whole: where they send to, whether they are come to, and whether they can hold."""

from collections.abc import Callable

from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]


def _profile(name: str) -> str:
    return f"name: {name}\nvariants: [{{backend: llamacpp, path: x}}]\n"


def test_rules_of_roles(problems: Problems, load_files: Load) -> None:
    """A rule that sends away from the role, one that is never come to, and conditions that cannot hold, each at its place."""
    files = {"a": _profile("a"), "b": _profile("b")}

    def role(rules: str) -> str:
        return f"roles: {{auto: {{use: [a], route: [{rules}]}}}}"

    away = ["hostd.yaml:1:39: role 'auto' does not use 'b'; choose from a, or add it to `use`"]
    assert away == problems(role("{to: b}"), **files)
    assert [told.split(": ", 1)[1] for told in problems(role("{to: a}, {to: a, when: {tools: true}}"), **files)] == [
        "the rule before always holds, so this one is never come to"
    ]
    never = problems(role("{to: a, when: {longer_than: 9, shorter_than: 10}}"), **files)
    assert "the rule would never hold" in never[0]
    assert "is no regular expression" in problems(role("{to: a, when: {regex: '('}}"), **files)[0]
    alone = problems(role("{to: a, when: {budget_used: 80%}}"), **files)
    assert [told.split(": ", 1)[1].split(",")[0] for told in alone] == ["nothing has a budget"]
    budgeted = "roles: {auto: {use: [a], budget: {day: 2 USD}, route: [{to: a, when: {budget_used: %s}}]}}"
    for written, share in (("80%", 0.8), ("0.5", 0.5), ("1", 1.0), ("'100%'", 1.0)):
        assert share == load_files(budgeted % written, **files).roles["auto"].route[0].when.budget_used
    for written in ("0", "120%", "much", "1.2"):
        assert len(problems(budgeted % written, **files)) == 1
    when = "{words: [x], times: ['mon-fri 08:30-18:00'], metadata: {k: v}}"
    rule = load_files(role(f"{{to: a, when: {when}}}"), **files).roles["auto"].route[0]
    assert (("a",), ("x",), "v") == (rule.to, rule.when.words, rule.when.metadata["k"])
    assert (510, 1080) == (rule.when.times[0].start, rule.when.times[0].end)
