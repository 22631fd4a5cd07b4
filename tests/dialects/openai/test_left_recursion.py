"""Grammars of which a parser from the left never gets past the beginning are told from those that merely repeat themselves."""

import pytest

from hostd.dialects.openai.left_recursion import begins_with_itself
from tests.dialects.openai.test_bounds import ARITHMETIC


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= root",
        'root ::= root "a" | "b"',
        'root ::= "a" | (("b" | root) "c")',
        'root ::= a\na ::= b "x"\nb ::= "y" | c\nc ::= a',
        'root ::= "a" item\nitem ::=\n  item "b"',
        "root::=root",
    ],
)
def test_a_rule_that_begins_with_itself_is_found(grammar: str) -> None:
    """At once, over other rules, and within groups and alternatives."""
    assert begins_with_itself(grammar) in {"root", "a", "b", "c", "item"}


@pytest.mark.parametrize(
    "grammar",
    [
        "",
        "root",
        'root ::= "a" root | "b"',
        'root ::= "root" | [root] # root',
        'root ::= (("a" | "b") root)*',
        'root ::= item+\nitem ::= "- " text "\\n" item?\ntext ::= [^\\n]+',
        'value ::= object | array\nobject ::= "{" value "}"\narray ::= "[" value "]"',
        ARITHMETIC,
    ],
)
def test_other_recursion_is_none(grammar: str) -> None:
    """JSON's own grammar is recursive; names in texts, classes and comments are no rules."""
    assert begins_with_itself(grammar) is None


def test_long_chains_take_no_stack() -> None:
    """A grammar may have thousands of rules, each of which begins with the next."""
    rules = [f"r{number} ::= r{number + 1} | r{number + 2}" for number in range(5000)]
    assert begins_with_itself("\n".join(rules)) is None
    assert begins_with_itself("\n".join([*rules, "r5000 ::= r0"])) is not None
