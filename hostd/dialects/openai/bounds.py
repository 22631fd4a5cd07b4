"""Bounds on what a request may ask of an engine: some members can end an engine or keep it busy for minutes.

llama-server descends into a grammar by recursion (50,000 parentheses end it), and holds one state for each way to read a repetition
within a repetition. vLLM's grammar back ends build automata of the same size. The bounds are far above what programs send: OpenAI's
own are 128 tools, `n` up to 128 and four stops; agents with many tool servers have several hundred tools.
A member is looked at only where it is present.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.left_recursion import begins_with_itself
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

MAX_GRAMMAR = 256 * 1024
MAX_PATTERN = 8192
"""Characters of a grammar and of a regular expression."""
MAX_GROUPS = 50
"""Levels of parentheses in either."""
MAX_REPETITION = 10_000
"""Counts of repetitions within one another, multiplied: a host name by its RFC has 127 times 63."""
MAX_SCHEMA_DEPTH = 64
MAX_SCHEMA_NODES = 20_000
"""Levels, and values in all, of one JSON schema; 64 kB of schema have some 5,000."""
MAX_TOOLS = 1024
MAX_TOOL_NODES = 200_000
MAX_STOPS = 256
MAX_STOP = 8192
MAX_CHOICES = 128
MAX_LOGPROBS = 1000
MAX_LOOK_BACK = 2**20
"""Tokens of which samplers keep a record; llama-server allocates as many as it is asked for."""
MAX_TOKENS = 2**31 - 1
"""Tokens of an answer; engines count in 32 bits, where a larger number becomes a negative one."""
MAX_BIASES = 10_000
MAX_LIST = 1024
"""Entries of lists such as samplers, and of ids at which an answer stops."""

_MOST_REMEMBERED = 256
_accepted: set[tuple[int, bytes]] = set()
"""Digests of tools and schemas that are within bounds: agents send the same ones with each turn."""
_LONGEST_KEPT = 64 * 1024
_latest: deque[tuple[int, bytes]] = deque(maxlen=8)
"""The last of them themselves, up to so many bytes each: to compare two texts takes a twentieth of a digest's time."""

_LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"|\[(?:[^\]\\\n]|\\.)*\]|#[^\n]*', re.DOTALL)
_CLASSES = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_MARKS = re.compile(r"[()]|\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")


def check(document: RequestDocument) -> None:
    """Return if *document* asks for nothing that is out of bounds.

    Raises:
        RequestError: It does; the message names the member and its bound.
    """
    for name in document.texts():
        if name in _NUMBERS:
            _check_number(name, document[name])
        elif name in _CHECKS and document.is_true(name):
            _CHECKS[name](name, document)


def _refuse(name: str, why: str) -> RequestError:
    return RequestError(f"'{name}' {why}", code="out_of_bounds", param=name)


def _check_number(name: str, value: object) -> None:
    # A flag is no number: `logprobs` is either. Nought and null ask for nothing.
    if not value or isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = _NUMBERS[name]
    if value > most:
        raise _refuse(name, f"may be {most} at most")
    if least is not None and value < least:
        raise _refuse(name, f"must be {least} at least")


def _length(most: int) -> Callable[[str, RequestDocument], None]:
    def check_length(name: str, document: RequestDocument) -> None:
        value = document[name]
        if isinstance(value, list | dict) and len(value) > most:
            raise _refuse(name, f"has {len(value)} entries, and may have {most} at most")

    return check_length


def _stops(name: str, document: RequestDocument) -> None:
    value = document[name]
    stops = value if isinstance(value, list) else [value]
    if len(stops) > MAX_STOPS:
        raise _refuse(name, f"has {len(stops)} texts, and may have {MAX_STOPS} at most")
    longest = max((len(stop) for stop in stops if isinstance(stop, str)), default=0)
    if longest > MAX_STOP:
        raise _refuse(name, f"has a text of {longest} characters, and one may have {MAX_STOP} at most")


def _grammar(name: str, document: RequestDocument) -> None:
    value = document[name]
    if isinstance(value, str):
        check_grammar(name, value)
        # In the grammars of llama.cpp alone: vLLM's parsers have other dialects, some of which allow it.
        if name == "grammar" and len(value) <= MAX_PATTERN and (rule := begins_with_itself(value)) is not None:
            raise _refuse(name, f"has a rule that begins with itself: '{rule[:40]}'")


def _regex(name: str, document: RequestDocument) -> None:
    value = document[name]
    if isinstance(value, str):
        check_pattern(name, value)


def _schema(name: str, document: RequestDocument) -> None:
    text = document.raw(name) or b"null"
    # vLLM takes a schema as a text, too.
    if text.startswith(b'"'):
        _check_schema_text(name, document[name])
    else:
        _check_text(name, text, MAX_SCHEMA_NODES)


def _check_schema_text(name: str, text: str) -> None:
    if text.lstrip().startswith(("{", "[")):
        _check_text(name, text.encode("utf-8", "replace"), MAX_SCHEMA_NODES)


def _tools(name: str, document: RequestDocument) -> None:
    _check_text(name, document.raw(name) or b"null", MAX_TOOL_NODES)


def _structured(name: str, document: RequestDocument) -> None:
    """Check vLLM's ``structured_outputs``, which has a grammar, a pattern, a schema, or choices in it."""
    value = document[name]
    for member, check_member in _STRUCTURED.items():
        if isinstance(value, dict) and isinstance(said := value.get(member), str):
            check_member(name, said)
    _schema(name, document)


def check_grammar(name: str, text: str) -> None:
    """Return if the grammar *text*, in GBNF or a dialect of EBNF, is within bounds.

    Raises:
        RequestError: It is not; *name* is the member that has it.
    """
    if len(text) > MAX_GRAMMAR:
        raise _refuse(name, f"has {len(text)} characters, and may have {MAX_GRAMMAR} at most")
    _check_repetitions(name, _LITERALS.sub(" x ", text))


def check_pattern(name: str, text: str) -> None:
    """Return if the regular expression *text* is within bounds.

    Raises:
        RequestError: It is not; *name* is the member that has it.
    """
    if len(text) > MAX_PATTERN:
        raise _refuse(name, f"has a pattern of {len(text)} characters, and one may have {MAX_PATTERN} at most")
    _check_repetitions(name, _CLASSES.sub("x", text))


def _check_repetitions(name: str, text: str) -> None:
    """Check how deep groups are nested, and how often what is innermost may be repeated."""
    # For each open group the largest product of counts within it; a count multiplies that of the group which it follows.
    within, last = [1], 1
    end = -1
    for mark in _MARKS.finditer(text):
        adjacent = not text[end : mark.start()].strip() if end >= 0 else False
        if mark[0] == "(":
            within.append(1)
            if len(within) > MAX_GROUPS + 1:
                raise _refuse(name, f"nests more than {MAX_GROUPS} groups")
            end = -1
        elif mark[0] == ")":
            last = within.pop() if len(within) > 1 else within[0]
            within[-1] = max(within[-1], last)
            end = mark.end()
        else:
            times = max(1, _times(mark[1]), _times(mark[2]))
            last = (last if adjacent else 1) * times
            if last > MAX_REPETITION:
                raise _refuse(name, f"repeats more than {MAX_REPETITION} times what it repeats")
            within[-1] = max(within[-1], last)
            end = mark.end()


def _times(digits: str | None) -> int:
    return 0 if not digits else int(digits) if len(digits) < 10 else 10**9


def _check_text(name: str, text: bytes, most: int) -> None:
    if (most, text) in _latest:
        return
    # Processors have instructions for it, so that it takes a third of what blake2b does.
    digest = (most, hashlib.sha256(text).digest())
    if digest not in _accepted:
        _check_anew(name, text, most)
        if len(_accepted) >= _MOST_REMEMBERED:
            _accepted.clear()
        _accepted.add(digest)
    if len(text) <= _LONGEST_KEPT:
        _latest.append((most, text))


def _check_anew(name: str, text: bytes, most: int) -> None:
    try:
        _check_document(name, text, most)
    except JsonError as error:
        raise RequestError(f"the value of '{name}' cannot be read: {error}", code="bad_json", param=name) from None


def _check_document(name: str, text: bytes, most: int) -> None:
    value = parse_json(text)
    if isinstance(value, list) and len(value) > MAX_TOOLS:
        raise _refuse(name, f"has {len(value)} entries, and may have {MAX_TOOLS} at most")
    for nodes, (depth, member, each) in enumerate(_walk(value)):
        if nodes >= most:
            raise _refuse(name, f"has more than {most} values")
        if depth > MAX_SCHEMA_DEPTH:
            raise _refuse(name, f"is nested more than {MAX_SCHEMA_DEPTH} levels deep")
        if member == "pattern" and isinstance(each, str):
            check_pattern(name, each)


def _walk(value: Any) -> Iterator[tuple[int, str, Any]]:
    """Yield each value within *value* with its depth and the key that it has."""
    waiting: list[tuple[int, str, Any]] = [(1, "", value)]
    while waiting:
        depth, name, each = waiting.pop()
        yield depth, name, each
        if isinstance(each, dict):
            waiting += [(depth + 1, key, inner) for key, inner in each.items()]
        elif isinstance(each, list):
            waiting += [(depth + 1, "", inner) for inner in each]


_STRUCTURED = {"grammar": check_grammar, "regex": check_pattern, "json": _check_schema_text}
_NUMBERS: Mapping[str, tuple[int | None, int]] = {
    "n": (1, MAX_CHOICES),
    "n_cmpl": (1, MAX_CHOICES),
    "best_of": (None, MAX_CHOICES),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "min_tokens", "n_predict"), (None, MAX_TOKENS)),
    **dict.fromkeys(("logprobs", "top_logprobs", "prompt_logprobs", "n_probs"), (None, MAX_LOGPROBS)),
    **dict.fromkeys(("repeat_last_n", "dry_penalty_last_n"), (None, MAX_LOOK_BACK)),
}
"""The least and the most of each."""
_CHECKS: Mapping[str, Callable[[str, RequestDocument], None]] = {
    "logit_bias": _length(MAX_BIASES),
    "samplers": _length(MAX_LIST),
    "dry_sequence_breakers": _length(MAX_LIST),
    "stop_token_ids": _length(MAX_LIST),
    "bad_words": _length(MAX_LIST),
    "lora": _length(MAX_LIST),
    "guided_choice": _length(MAX_BIASES),
    "stop": _stops,
    "stop_sequences": _stops,
    "grammar": _grammar,
    "guided_grammar": _grammar,
    "guided_regex": _regex,
    "ebnf": _grammar,
    "regex": _regex,
    "stop_regex": _regex,
    "structured_outputs": _structured,
    "json_schema": _schema,
    "guided_json": _schema,
    "response_format": _schema,
    "format": _schema,
    "output_config": _schema,
    "output_format": _schema,
    "tools": _tools,
    "functions": _tools,
}
