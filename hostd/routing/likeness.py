"""Whether a prompt is like the examples of a rule: like one of them, and clearly more so than like those of other rules.

Where it is like none, or like those of two rules, nothing is decided, and the rule does not hold: a mean of words cannot tell then.
"""

from collections.abc import Mapping, Sequence

from hostd.domain.profile import Role

NEAR, MARGIN = 0.25, 0.05
"""The least likeness that counts (1: the same words, 0: unrelated ones), and by how much it is to be above that of other rules."""


def examples_of(role: Role) -> tuple[str, ...]:
    """Return the examples of all rules of *role*, in order."""
    return tuple(dict.fromkeys(example for rule in role.route for example in rule.when.like))


def is_like(examples: Sequence[str], likeness: Mapping[str, float]) -> bool:
    """Return whether a prompt is like *examples*, by its *likeness* to these and to those of other rules."""
    own = max((likeness.get(each, -1.0) for each in examples), default=-1.0)
    others = max((found for each, found in likeness.items() if each not in examples), default=-1.0)
    return own >= NEAR and own >= others + MARGIN
