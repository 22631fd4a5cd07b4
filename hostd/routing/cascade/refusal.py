"""The answer says nothing, or that its model will not, or cannot, do what was asked."""

import re

from hostd.routing.cascade.said import Asked, Said

_LONGEST = 600
"""Characters up to which a text that begins with a refusal is nothing else; in a longer one, what follows may be the answer."""
_REFUSES = re.compile(
    r"(i['\u2019]?m (very )?sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)[,.!]? (but )?(i|as an ai)\b.{0,60}"
    r"\b(can['\u2019]?t|cannot|can not|am not able|['\u2019]m not able|unable|won['\u2019]?t|will not|don['\u2019]?t (know|have))"
    r"|(i (can['\u2019]?t|cannot|won['\u2019]?t|am unable to|am not able to)|i['\u2019]m (unable|not able) to)"
    r" (help|assist|comply|answer|provide|do|fulfil|complete|continue|create|generate)\b"
    r"|as an ai( language)? model\b.{0,80}\b(can['\u2019]?t|cannot|unable|not able|don['\u2019]?t)"
    r"|(es tut mir leid|tut mir leid|leider)\b.{0,40}\b(kann|darf) ich\b.{0,60}\bnicht\b"
    r"|(je suis désolée?|désolée?)\b.{0,40}\bje ne (peux|puis) pas\b"
    r"|lo siento\b.{0,40}\bno puedo\b",
    re.IGNORECASE | re.DOTALL,
)


def failure(asked: Asked, said: Said) -> str | None:  # noqa: ARG001 - as every check is called
    """Return that the answer refuses, or is empty; None where it says something."""
    piece = said.answer.piece
    if piece.refusal or said.answer.reason == "content_filter":
        return "the model refused"
    if piece.calls:
        return None
    text = said.text.strip()
    if not text:
        return "the answer is empty" + ("" if said.complete else ": all of its tokens went into thought")
    if len(text) <= _LONGEST and _REFUSES.match(text.lstrip("*_#> \"'“")):
        return "the model refused"
    return None
