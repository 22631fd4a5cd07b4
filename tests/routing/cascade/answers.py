"""Answers and requests, for tests of checks."""

from hostd.dialects.from_chat.answer import CallPiece, ChatAnswer, Piece, Usage
from hostd.routing.cascade.said import Said

PROSE = " ".join(f"Sentence {n} says something of its own about the {n * 7 % 31}th thing." for n in range(60))


def said(text: str = "", *calls: tuple[str, str], reason: str = "stop", reasoning: str = "", refusal: str = "") -> Said:
    """Return an answer of *text* and *calls*, each a name and its arguments."""
    made = tuple(CallPiece(at, f"c{at}", name, arguments) for at, (name, arguments) in enumerate(calls))
    return Said(ChatAnswer(Piece(text, reasoning, refusal, made), reason, Usage()))


def unsure(*logprobs: float | None) -> Said:
    """Return an answer whose tokens have *logprobs*."""
    return Said(ChatAnswer(Piece("x", logprobs=tuple({"logprob": each} for each in logprobs)), "stop", Usage()))
