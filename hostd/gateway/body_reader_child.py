"""The process that reads large bodies for the daemon, so that no reading holds up other requests; see `body_reader`.

On standard input come orders, one after another: a head, a dialect and a body; each is answered on standard output. It ends with
its input.
"""

import pickle
import signal
import struct
import sys
from typing import NamedTuple

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.document_layout import layout_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

ORDER = struct.Struct("<BQ")
"""Bytes of the dialect's name, and of the body."""
ANSWER = struct.Struct("<Q")


class RefusedBody(NamedTuple):
    """What a `RequestError` is made of."""

    message: str
    code: str
    status: int
    param: str | None


def main() -> None:
    """Read until there is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while answer := answer_next():
        sys.stdout.buffer.write(ANSWER.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def answer_next() -> bytes:
    """Return the answer to the next order, of whose body nothing is kept; empty where there is no whole one."""
    head = sys.stdin.buffer.read(ORDER.size)
    if len(head) < ORDER.size:
        return b""
    length, size = ORDER.unpack(head)
    name, body = sys.stdin.buffer.read(length), sys.stdin.buffer.read(size)
    return read(Dialect(name.decode("ascii")), body) if len(body) == size else b""


def read(dialect: Dialect, body: bytes) -> bytes:
    """Return what *body* asks, pickled: the fields of an `InferenceRequest`, documents as layouts; or why it cannot be read."""
    try:
        request = registry.client_dialect(dialect).parse(body)
    except RequestError as error:
        return pickle.dumps(RefusedBody(error.message, error.code, error.status, error.param))
    fields = (layout_of(field, body) if isinstance(field, RequestDocument) else field for field in request)
    return pickle.dumps(tuple(fields))
