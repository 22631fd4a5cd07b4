"""What an engine tells of the work that an answer was: tokens that it need not read anew, and the milliseconds for the others.

It stands in the last event of a stream, or at the end of a whole answer, in any dialect; in a message of Anthropic's also in the
first. OpenAI's servers and vLLM tell ``cached_tokens``, llama-server ``timings`` besides.
"""

import re

from hostd.domain.answer_sums import AnswerSums

_CACHED = re.compile(rb'"(?:cached_tokens|cache_n|cache_read_input_tokens)"\s*:\s*(\d{1,9})(?!\d)')
_READING = re.compile(rb'"prompt_ms"\s*:\s*(\d{1,9}(?:\.\d{1,9})?)')
_WRITING = re.compile(rb'"predicted_ms"\s*:\s*(\d{1,9}(?:\.\d{1,9})?)')


def read_sums(ends: bytes, prompt: int, answer: int, ttft: float, seconds: float) -> AnswerSums:
    """Return what an answer took of which *ends* are the first and the last bytes.

    *prompt* and *answer* are their tokens, where they were counted. Where the engine tells no times, those of the clock stand in:
    the first token came *ttft* seconds after the request, and all was over after *seconds*.
    """
    # Most servers tell none of it, and to look for a word takes a tenth of what the expressions do.
    cached = [int(found[1]) for found in _CACHED.finditer(ends)] if ends.find(b"cache") >= 0 else []
    reading = writing = 0.0
    if ends.find(b'_ms"') >= 0:
        reading, writing = _last(_READING, ends) / 1000, _last(_WRITING, ends) / 1000
    return AnswerSums(
        prompt, max(cached) if cached else None, answer, reading or ttft, writing or max(0.0, seconds - ttft), ttft
    )


def _last(pattern: "re.Pattern[bytes]", text: bytes) -> float:
    found = pattern.findall(text)
    return float(found[-1]) if found else 0.0
