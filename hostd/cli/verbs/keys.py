"""``hostd keys``: make, list and revoke the keys of clients; a running daemon follows within a second."""

import re
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson
from hostd.cli.output import emit, say, write_line
from hostd.domain.client_key import ClientKey
from hostd.domain.principal import KeyScope, Privacy
from hostd.domain.ticket import Priority
from hostd.domain.units import parse_duration

if TYPE_CHECKING:
    from hostd.domain.profile import Settings
    from hostd.key_file import KeyFile

app = typer.Typer(help="Make, list or revoke the keys of clients.", no_args_is_help=True)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class PriorityName(StrEnum):
    """How urgent a client's requests may be."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Who has the key.", show_default=False)]


@app.command()
def create(  # noqa: PLR0913 - the options of a verb
    name: Name,
    *,
    scope: Annotated[
        KeyScope, typer.Option(help="inference: ask models; admin: also see and steer the daemon.")
    ] = KeyScope.INFERENCE,
    models: Annotated[str | None, typer.Option(metavar="A,B", help="Only these profiles, and no others.")] = None,
    privacy: Annotated[Privacy, typer.Option(help="local: nothing asked with it leaves this machine.")] = Privacy.ANY,
    priority: Annotated[
        PriorityName, typer.Option(help="batch: its requests wait for interactive ones.")
    ] = PriorityName.INTERACTIVE,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="How long it is valid, such as 30d.")] = None,
    json: AsJson = False,
) -> None:
    """Make a key and print it: this once, since only its hash is kept."""
    from hostd.key_file import digest_of, new_key, shown  # reads YAML, which the other verbs do without

    if not _NAME.fullmatch(name):
        raise VerbError(f"{name!r} is no name for a key; use letters, digits and . _ @ -", Code.USAGE)
    file, settings = _key_file()
    keys = file.read()
    if any(key.name == name for key in keys):
        raise VerbError(f"there is a key '{name}' already; revoke it first with: hostd keys revoke {name}")
    secret, now = new_key(), time.time()
    made = ClientKey(
        name,
        digest_of(secret),
        now,
        None if expires is None else now + _lifetime(expires),
        scope,
        None if models is None else _profiles(models, settings),
        privacy,
        Priority[priority.name],
    )
    file.write((*keys, made))
    if json:
        emit({"name": name, "key": secret, **shown(made)})
    else:
        write_line(secret)
    say(f"this is the only time that the key '{name}' is shown; clients send it as their API key")


@app.command(name="list")
def list_keys(*, json: AsJson = False) -> None:
    """List the keys and what they open; the keys themselves are not kept."""
    from hostd.key_file import shown  # reads YAML, which the other verbs do without

    file, _ = _key_file()
    rows = [{"name": key.name, **shown(key)} for key in file.read()]
    if json:
        emit({"file": str(file.path), "keys": rows})
        return
    for row in rows:
        limits = [f"models {','.join(row['models'])}"] if row["models"] is not None else []
        limits += ["local only"] * (row["privacy"] == "local") + ["batch"] * (row["priority"] == "batch")
        limits += [f"until {row['expires']}"] if row["expires"] else []
        write_line("  ".join([row["name"], row["scope"], *limits]))
    if not rows:
        say(f"there are no keys in {file.path}; make one with: hostd keys create NAME")


@app.command()
def revoke(name: Name, *, json: AsJson = False) -> None:
    """Take a key away; a running daemon refuses it within a second."""
    file, _ = _key_file()
    keys = file.read()
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        raise VerbError(f"there is no key '{name}'; see: hostd keys list", Code.USAGE)
    file.write(left)
    say(f"the key '{name}' is revoked")
    if json:
        emit({"revoked": name})


def _key_file() -> "tuple[KeyFile, Settings]":
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without
    from hostd.key_file import KeyFile

    settings = load()
    if settings.keys.file is None:
        raise VerbError(
            "no client needs a key as long as hostd.yaml names no file for them; add to it: keys: {file: keys.yaml}",
            Code.BAD_CONFIG,
        )
    return KeyFile(settings.keys.file), settings


def _lifetime(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise VerbError(f"--expires: {error}", Code.USAGE) from None
    if not 0 < seconds < 100 * 365 * 86400:
        raise VerbError(f"--expires: {text} is no time that a key can be valid; write such as 30d", Code.USAGE)
    return seconds


def _profiles(text: str, settings: "Settings") -> frozenset[str]:
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    if unknown := sorted(names - set(settings.profiles)):
        known = ", ".join(settings.profiles) or "there is none yet"
        raise VerbError(f"--models: '{unknown[0]}' is no profile of this host: {known}", Code.USAGE)
    if not names:
        raise VerbError("--models: write the names of profiles, such as a,b", Code.USAGE)
    return names
