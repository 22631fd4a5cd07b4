"""Which dialects there are. A new one is a package with `PATHS`, `CLIENTS` and `TRANSLATIONS`, and a place in `_MODULES`.

What an upstream speaks that is not asked for chat completions is read by a package of its own, with `TRANSLATIONS` alone.
"""

from collections.abc import Collection, Mapping
from itertools import chain

from hostd.dialects.anthropic import dialect as anthropic
from hostd.dialects.base import ClientDialect, Dialect, Translation
from hostd.dialects.from_chat.chained import ChainedTranslation
from hostd.dialects.from_chat.translation import FromChat
from hostd.dialects.from_messages import engine_messages
from hostd.dialects.from_messages import translation as from_messages
from hostd.dialects.ollama import dialect as ollama
from hostd.dialects.openai import dialect as openai
from hostd.dialects.openai import responses
from hostd.dialects.tasks import decisions, rerank

_MODULES = (openai, responses, anthropic, ollama, rerank, decisions)

PATHS: Mapping[str, Dialect] = {path: dialect for module in _MODULES for dialect, path in module.PATHS.items()}
"""The dialect of the requests that clients send to a path."""

_CLIENTS: Mapping[Dialect, ClientDialect] = {
    dialect: client for module in _MODULES for dialect, client in module.CLIENTS.items()
}
_TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Translation] = {
    pair: translation
    for module in (engine_messages, *_MODULES, from_messages)
    for pair, translation in module.TRANSLATIONS.items()
}
"""Of two that would do, the first is taken: where an upstream is said to answer texts by its own messages, it is asked for one."""
_CHAINED: Mapping[tuple[Dialect, Dialect], Translation] = {
    (client, upstream.spoken): ChainedTranslation(said, upstream)
    for (client, spoken), said in _TRANSLATIONS.items()
    if isinstance(said, FromChat) and spoken is Dialect.OPENAI_CHAT
    for (asked, to), upstream in _TRANSLATIONS.items()
    if asked is spoken and to is not spoken and (client, to) not in _TRANSLATIONS
}
"""By way of a chat completion, for upstreams that cannot be asked for one and do not speak the client's own dialect."""

_NO_HEADERS: Mapping[str, str] = {}
_BELOW_MESSAGES = f"{anthropic.PATHS[Dialect.ANTHROPIC_MESSAGES]}/"
_ANTHROPIC_HEADERS = ("anthropic-version", "x-api-key")
"""What clients of that dialect send to paths that are not its own, such as the list of models."""


def client_dialect(dialect: Dialect) -> ClientDialect:
    """Return how clients that send *dialect* are read and answered."""
    return _CLIENTS[dialect]


def dialect_of(path: str, headers: Mapping[str, str] = _NO_HEADERS) -> Dialect:
    """Return the dialect in which errors at *path* are told: its own, else what a client's *headers* speak of, else OpenAI's."""
    found = PATHS.get(path)
    if found is not None:
        return found
    if path.startswith(ollama.PREFIX):
        return Dialect.OLLAMA_CHAT
    if path.startswith(_BELOW_MESSAGES) or any(name in headers for name in _ANTHROPIC_HEADERS):
        return Dialect.ANTHROPIC_MESSAGES
    return Dialect.OPENAI_CHAT


def translation(client: Dialect, spoken: Collection[Dialect]) -> Translation | None:
    """Return what stands between a *client* and an upstream that has *spoken* dialects; the identity where it has the client's own.

    Returns None where the upstream cannot be asked at all.
    """
    if client in spoken and (identity := _TRANSLATIONS.get((client, client))):
        return identity
    known = chain(_TRANSLATIONS.items(), _CHAINED.items())
    return next((found for (asked, to), found in known if asked is client and to in spoken), None)
