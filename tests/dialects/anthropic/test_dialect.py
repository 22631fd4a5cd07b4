"""The clients of the Anthropic dialect."""

import json

from hostd.dialects.anthropic.dialect import CLIENTS, TRANSLATIONS
from hostd.dialects.base import Dialect
from hostd.domain.errors import UnknownModel

CLIENT = CLIENTS[Dialect.ANTHROPIC_MESSAGES]


def test_keep_alives_are_pings() -> None:
    """With the note as a comment, where there is one."""
    assert b': waits\nevent: ping\ndata: {"type":"ping"}\n\n' == CLIENT.keep_alive("waits")
    assert CLIENT.keep_alive("waits").endswith(CLIENT.idle_event())


def test_errors() -> None:
    """Have Anthropic's shape, whole and in a stream."""
    error = UnknownModel("m", (), ())
    assert "not_found_error" == json.loads(CLIENT.error(error))["error"]["type"]
    assert CLIENT.error_event(error).startswith(b"event: error\ndata: ")


def test_each_translation_speaks_what_it_is_found_by() -> None:
    """The second of its names."""
    assert all(spoken is translation.spoken for (_, spoken), translation in TRANSLATIONS.items())
