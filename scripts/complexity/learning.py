"""Weights by stochastic gradients (AdaGrad: Duchi et al., 2011), averaged: complexity by squares, types of tasks by logistic loss.

Of templates that it has not seen, a model says too little: easy ones are assessed too hard, hard ones too easy. By how much is
found by leaving out a part of the templates after the other, and set right by a line through what comes out.
"""

import sys

import numpy as np

from complexity.prompts import Labelled
from hostd.domain.model_choice import TaskType
from hostd.routing.prompt_signs import BUCKETS, signs

_ROUNDS, _RATE, _SHRINK = 12, 0.12, 1e-3
_MIDDLE = 5.0
_PARTS = 4
_TASKS = list(TaskType)


def learnt(examples: list[Labelled]) -> list[tuple[float, float, list[int]]]:
    """Return the rows of weights, complexity first: scale, constant, and weights from -127 to 127."""
    inputs = [np.array(signs(each.text)) for each in examples]
    first, *others = _weights(inputs, examples)
    slope, offset = _line(inputs, examples)
    return [_row(first * slope, _MIDDLE + offset), *(_row(row, 0.0) for row in others)]


def _weights(inputs: list[np.ndarray], examples: list[Labelled], seed: int = 5) -> np.ndarray:
    chance = np.random.default_rng(seed)
    kinds = np.array([_TASKS.index(each.task) for each in examples])
    levels = np.array([each.level - _MIDDLE for each in examples])
    share = _evened(kinds, levels)
    weights = np.zeros((1 + len(_TASKS), BUCKETS))
    total, squares = np.zeros_like(weights), np.full_like(weights, 1e-2)
    for _ in range(_ROUNDS):
        for at in chance.permutation(len(inputs)):
            buckets = inputs[at]
            size = len(buckets) ** -0.5
            scores = weights[:, buckets].sum(axis=1) * size
            odds = np.exp(scores[1:] - scores[1:].max())
            slope = np.empty(len(scores))
            slope[0] = scores[0] - levels[at]
            slope[1:] = odds / odds.sum() - (np.arange(len(_TASKS)) == kinds[at])
            step = share[at] * slope[:, None] * size + _SHRINK * weights[:, buckets]
            squares[:, buckets] += step**2
            weights[:, buckets] -= _RATE * step / np.sqrt(squares[:, buckets])
        total += weights
    return total / _ROUNDS


def _line(inputs: list[np.ndarray], examples: list[Labelled]) -> tuple[float, float]:
    """Return slope and offset of the line from the complexity of templates as assessed, by those of other parts, to their own."""
    assessed, right = np.empty(len(examples)), 0
    part = np.array([each.template % _PARTS for each in examples])
    for left_out in range(_PARTS):
        kept = np.flatnonzero(part != left_out)
        weights = _weights([inputs[at] for at in kept], [examples[at] for at in kept])
        for at in np.flatnonzero(part == left_out):
            scores = weights[:, inputs[at]].sum(axis=1) * len(inputs[at]) ** -0.5
            assessed[at] = scores[0]
            right += int(_TASKS[scores[1:].argmax()] is examples[at].task)
    levels = np.array([each.level - _MIDDLE for each in examples])
    # The line of equal spread, not that of least squares, which would draw all to the middle once more.
    slope = float(levels.std() / assessed.std())
    correlation = np.corrcoef(assessed, levels)[0, 1]
    share = right / len(examples)
    print(
        f"templates left out in turn: correlation {correlation:.2f}, slope {slope:.2f}, types {share:.0%}",
        file=sys.stderr,
    )
    return slope, float(levels.mean() - slope * assessed.mean())


def _evened(kinds: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the weight of each example, by which rare pairs of type and complexity count about as much as common ones."""
    pairs = [*zip(kinds.tolist(), levels.tolist(), strict=True)]
    count = {pair: pairs.count(pair) for pair in set(pairs)}
    share = np.array([count[pair] ** -0.5 for pair in pairs])
    return share / share.mean()


def _row(weights: np.ndarray, constant: float) -> tuple[float, float, list[int]]:
    scale = float(np.abs(weights).max()) / 127 or 1.0
    return scale, constant, np.rint(weights / scale).astype(int).tolist()
