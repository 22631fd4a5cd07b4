"""Conversations of tokens to learn from, in batches of about one length, with a loss on the answers only."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from demo_models.docstrings import Pair
from demo_models.recipe import ASSISTANT, BOS, END, PAD, SPECIALS, SYSTEM, USER, Shape

IGNORED = -100
POOL = 512  # conversations that are sorted by length together
Encode = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with its answer as tokens; *raw* ones are plain text, for engines' text completion."""

    question: list[int]
    answer: list[int]
    raw: bool = False


@dataclass(slots=True)
class Conversation:
    """Tokens and, for each, itself where it is to be predicted."""

    tokens: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, tokens: list[int], *, learn: bool = False) -> None:
        """Append *tokens*."""
        self.labels += tokens if learn else [IGNORED] * len(tokens)
        self.tokens += tokens

    def padded(self, length: int) -> "Conversation":
        """Return a copy of *length* tokens, cut or filled up."""
        missing = max(0, length - len(self.tokens))
        return Conversation(
            [*self.tokens[:length], *[PAD] * missing],
            [*self.labels[:length], *[IGNORED] * missing],
        )


def turns(pairs: list[Pair], encode: Encode, rng: random.Random) -> list[Turn]:
    """Return *pairs* as tokens; stories and some of the others once more as plain text that continues."""
    made = [Turn(encode(question), encode(answer)) for question, answer in pairs]
    for question, answer in pairs:
        if answer.startswith("Once upon a time"):
            made.append(Turn([], encode(answer), raw=True))
        elif rng.random() < 0.05:
            made.append(Turn(encode(question), encode("\n" + answer), raw=True))
    return made


def conversations(learnt: list[Turn], shape: Shape, rng: random.Random) -> Iterator[Conversation]:
    """Yield conversations without end, each turn of *learnt* opening one in each round.

    Most have one turn. Some have several or a system message, so that both are known to be beside the point, and one
    in a hundred fills up to the context, so that far positions are seen.
    """
    while True:
        for turn in rng.sample(learnt, len(learnt)):
            yield _raw(turn, rng) if turn.raw else _conversation(turn, learnt, shape, rng)


def batches(source: Iterator[Conversation], tokens: int, rng: random.Random) -> Iterator[list[Conversation]]:
    """Yield lists of conversations of one length, padded, with about *tokens* tokens in all."""
    while True:
        pool = sorted((next(source) for _ in range(POOL)), key=lambda one: len(one.tokens))
        made: list[list[Conversation]] = [[]]
        for one in pool:
            if made[-1] and len(one.tokens) * (len(made[-1]) + 1) > tokens:
                made.append([])
            made[-1].append(one)
        for batch in rng.sample(made, len(made)):
            length = max(len(one.tokens) for one in batch)
            yield [one.padded(length) for one in batch]


def _raw(turn: Turn, rng: random.Random) -> Conversation:
    made = Conversation()
    made.add([BOS] * rng.randint(0, 1) + turn.question)
    made.add([*turn.answer, END], learn=True)
    return made


def _conversation(turn: Turn, learnt: list[Turn], shape: Shape, rng: random.Random) -> Conversation:
    far = rng.random() < 0.015
    length = rng.randint(300, shape.context) if far else 300
    made = Conversation()
    made.add([BOS])
    if rng.random() < (0.7 if far else 0.2):
        size = rng.randint(length // 3, max(4, length - 60)) if far else rng.randint(4, 120)
        made.add([SYSTEM, *_filler(learnt, size, shape.vocabulary, rng), END])
    _say(made, turn)
    more = rng.randint(1, 40) if far else rng.choice((0, 0, 0, 0, 0, 0, 1, 3))
    for other in rng.choices(learnt, k=more):
        if not other.raw and len(made.tokens) + len(other.question) + len(other.answer) + 4 < length:
            _say(made, other)
    return made.padded(min(len(made.tokens), shape.context))


def _say(made: Conversation, turn: Turn) -> None:
    made.add([USER, *turn.question, END, ASSISTANT])
    made.add([*turn.answer, END], learn=True)


def _filler(learnt: list[Turn], size: int, vocabulary: int, rng: random.Random) -> list[int]:
    """Return *size* tokens of a system message: what other turns say, or any tokens, over and over."""
    filler: list[int] = []
    noise = [rng.randrange(len(SPECIALS), vocabulary) for _ in range(rng.randint(3, 30))] if rng.random() < 0.5 else []
    while len(filler) < size:
        filler += noise or rng.choice(learnt).answer
    return filler[:size]
