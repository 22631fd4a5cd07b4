"""Whether a grammar's rule begins with itself: `root ::= root`, which a parser that expands rules from the left never gets past.

llama-server refuses such a grammar since June 2024 and ended by it before, as XGrammar did before 0.1.21 (CVE-2025-57809). A rule
that comes first only where those before it match nothing is not looked for; engines that know left recursion at all find it.
"""

import re

_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\[(?:[^\]\\\n]|\\.)*\]|#[^\n]*|([A-Za-z][A-Za-z0-9_-]*)(\s*::=)?|[()|]')


def begins_with_itself(grammar: str) -> str | None:
    """Return a rule of *grammar*, in GBNF, that leads to itself before anything is matched; None where there is none."""
    firsts = _first_rules(grammar)
    done: set[str] = set()
    for start in firsts:
        path: dict[str, list[str]] = {}
        rule: str | None = start
        while rule is not None:
            if rule not in path and rule not in done:
                path[rule] = [name for name in firsts.get(rule, ()) if name not in done]
            following = path.get(rule)
            if following:
                name = following.pop()
                if name in path:
                    return name
                rule = name
            else:
                path.pop(rule, None)
                done.add(rule)
                rule = next(reversed(path), None)
    return None


def _first_rules(grammar: str) -> dict[str, set[str]]:
    """Return for each rule the rules with which an alternative of it begins."""
    firsts: dict[str, set[str]] = {}
    rule, at_start, groups = "", True, list[bool]()
    for token in _TOKENS.finditer(grammar):
        text = token[0]
        if token[2]:
            rule, at_start, groups = token[1], True, []
            firsts.setdefault(rule, set())
        elif text == "|":
            at_start = groups[-1] if groups else True
        elif text == "(":
            groups.append(at_start)
        elif text == ")":
            at_start = False
            del groups[-1:]
        elif not text.startswith("#"):
            if at_start and token[1]:
                firsts.setdefault(rule, set()).add(token[1])
            at_start = False
    return firsts
