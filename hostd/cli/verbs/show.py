"""``hostd show``: everything about one model."""

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from hostd.cli.agents.agent_program import KEY_VARIABLE
from hostd.cli.agents.model_lookup import find_model
from hostd.cli.client import connect, model_path
from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, emit, say, show_pairs, write_piece
from hostd.cli.phrases import listed, memory, relative
from hostd.cli.snippets.registry import SNIPPETS
from hostd.cli.snippets.snippet import OWN_KEY
from hostd.cli.verbs.ls import abilities
from hostd.config.validators import hint
from hostd.domain.schedule import DAYS, format_days
from hostd.domain.units import format_bytes

_TAIL = 10


def show(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model, alias or role, as in: hostd ls", show_default=False)
    ] = None,
    *,
    snippet: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Print what to paste so that it uses this model: {', '.join(SNIPPETS)}. MODEL may be left out.",
        ),
    ] = None,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Show all about one model, or what to paste to use it."""
    if snippet is not None:
        _paste(snippet, model, url, as_json=json)
        return
    if model is None:
        raise VerbError("say which MODEL to show, as in: hostd ls", Code.USAGE)
    found = connect(url).get(model_path(model))
    if json:
        emit(found)
    else:
        show_pairs([*_declared(found), *_running(found), *_log(found)])


def _paste(name: str, model: str | None, url: str | None, *, as_json: bool) -> None:
    if name not in SNIPPETS:
        raise VerbError(f"there is no snippet {name!r}; {hint(name, SNIPPETS)}", Code.USAGE)
    found, chosen = find_model(url, model, tools=False), SNIPPETS[name]
    text = chosen.text(found.address)
    if as_json:
        emit(
            {
                "snippet": name,
                "model": found.address.model,
                "language": chosen.language,
                "place": chosen.place,
                "text": text,
            }
        )
        return
    say(f"for {chosen.title} with {found.address.model}{f' ({found.why})' if found.why else ''}, into {chosen.place}")
    write_piece(text)
    if OWN_KEY in text:
        where = f", or into the variable {KEY_VARIABLE}" if KEY_VARIABLE in text else ""
        say(f"this host asks for keys: put one in the place of {OWN_KEY}{where}; make it with: hostd keys create NAME")


def _declared(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "model", model["name"]
    yield "state", model["state"]
    yield "aliases", listed(model["aliases"])
    yield "roles", listed(model["roles"])
    yield "context", str(model["context"] or NOTHING)
    yield "slots", str(model["slots"])
    yield "can", listed(abilities(model["capabilities"]))
    for number, (name, found) in enumerate(model["probed"].items()):
        yield "" if number else "probed", f"{name}: {found['verdict']} ({found['why']})"
    yield "fallback", listed(model["fallback"])
    for variant in model["variants"]:
        yield "variant", variant["label"] if variant["usable"] else f"{variant['label']} (not here: {variant['why']})"
    yield "limits", _settings(model["limits"])
    yield "warm", _settings(_warm(model["warm"]))


def _running(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    row, now = model["instance"], datetime.now(UTC)
    if model["progress"] is not None:
        yield "loaded", f"{model['progress']:.0%}"
    if model["argv"] is not None:
        place = model.get("attached")
        if place:
            yield "server", f"{place}, which hostd asks but does not run"
        if row["pid"]:
            yield "process", f"pid {row['pid']}" + (f", port {row['port']}" if row["port"] else "")
        yield "engine", " ".join(filter(None, (row["backend"], model["server"]["version"])))
        yield "it says", listed(_facts(model["server"]))
        yield "since", relative(row["since"], now)
        yield "unloads", relative(row["unloads_at"], now)
        yield "memory", memory(row["pool_bytes"] or {})
        yield "requests", f"{row['in_flight']} in flight, {row['queued']} queued"
        if kept := model.get("conversations"):
            yield "conversations", _kept(kept)
        for prompt in row.get("prompts") or ():
            yield "reads", f"{prompt['read_tokens']} of {prompt['total_tokens']} tokens of a prompt"
    if speed := ", ".join(_rates(row.get("speed") or {})):
        yield "lately", speed
    yield "restarts", str(row["restarts"])
    if row["last_error"]:
        yield "last error", row["last_error"]
    if model["argv"]:
        yield "command", shlex.join(model["argv"])


def _kept(kept: Mapping[str, Any]) -> str:
    """Return what is kept of conversations over slots and loads, or why nothing is."""
    if kept["why_not"]:
        return f"not kept: {kept['why_not']}"
    files = f"{kept['files']} in files, {format_bytes(kept['size'])}" if kept["files"] else ""
    return f"kept: {'; '.join(filter(None, (files, kept['note']))) or 'none yet'}"


def _rates(speed: Mapping[str, Any]) -> Iterator[str]:
    """Yield how fast the model was lately, as far as that is known."""
    texts = {
        "prefill_tokens_per_s": "reads {:.0f} tokens/s",
        "decode_tokens_per_s": "writes {:.1f} tokens/s",
        "cached_share": "had read {:.0%} of prompts before",
        "ttft_ms": "first token after {:.0f} ms",
    }
    yield from (text.format(speed[name]) for name, text in texts.items() if speed.get(name) is not None)


def _facts(server: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the running server said of itself."""
    context, slots = server.get("context"), server.get("slots")
    if context is not None:
        yield f"{context} tokens a request"
    if slots is not None:
        yield f"{slots} slot{'' if slots == 1 else 's'}"
    for name in ("tools", "vision", "embeddings"):
        if server.get(name) is not None:
            yield name if server[name] else f"no {name}"


def _log(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(model["log_tail"][-_TAIL:]):
        yield "" if number else "log", line


def _warm(warm: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *warm* with its windows as text; without any, they are worth no words."""
    shown = {name: value for name, value in warm.items() if name != "windows"}
    windows = [
        f"{format_days(map(DAYS.index, window['days']))} {window['from']}-{window['to']}" for window in warm["windows"]
    ]
    return shown | ({"windows": " and ".join(windows)} if windows else {})


def _settings(values: Mapping[str, Any]) -> str:
    words = {True: "yes", False: "no"}
    return ", ".join(f"{name} {words[value] if isinstance(value, bool) else value}" for name, value in values.items())
