"""The model was unsure: the mean log-probability of its tokens is below what the owner asks for."""

import math

from hostd.routing.cascade.said import Said


def failure(said: Said, least: float) -> str | None:
    """Return that the mean is below *least*; None where it is not, or where the engine has not told any."""
    mean = mean_logprob(said)
    return None if mean is None or mean >= least else f"the mean log-probability of its tokens is {mean:.2f}"


def mean_logprob(said: Said) -> float | None:
    """Return the mean log-probability of the tokens that the answer's engine has told of, natural logarithms; None: of none."""
    found = [each.get("logprob") for each in said.answer.piece.logprobs]
    known = [float(each) for each in found if isinstance(each, int | float) and math.isfinite(each)]
    return sum(known) / len(known) if known else None
