"""``hostd keys``: make, list and revoke the keys of clients; a running daemon follows within a second."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.key_limits import (
    BudgetDay,
    BudgetMonth,
    KeyLimits,
    Rpm,
    TokensDay,
    TokensMonth,
    Tpm,
    WhenReached,
    budget_from,
    lines_of_use,
    use_of_keys,
)
from hostd.cli.options import AsJson, Url
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
    rpm: Rpm = None,
    tpm: Tpm = None,
    tokens_day: TokensDay = None,
    tokens_month: TokensMonth = None,
    budget_day: BudgetDay = None,
    budget_month: BudgetMonth = None,
    at_limit: WhenReached = None,
    json: AsJson = False,
) -> None:
    """Make a key and print it: this once, since only its hash is kept."""
    from hostd.key_file import digest_of, new_key, shown  # reads YAML, which the other verbs do without

    if not _NAME.fullmatch(name):
        raise VerbError(f"{name!r} is no name for a key; use letters, digits and . _ @ -", Code.USAGE)
    file, settings = _key_file()
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
        budget_from(KeyLimits(rpm, tpm, tokens_day, tokens_month, budget_day, budget_month, at_limit)),
    )
    with file.locked():
        keys = file.read()
        if any(key.name == name for key in keys):
            raise VerbError(f"there is a key '{name}' already; revoke it first with: hostd keys revoke {name}")
        file.write((*keys, made))
    if json:
        emit({"name": name, "key": secret, **shown(made)})
    else:
        write_line(secret)
    say(f"this is the only time that the key '{name}' is shown; clients send it as their API key")


@app.command()
def limit(  # noqa: PLR0913 - the options of a verb
    name: Name,
    *,
    rpm: Rpm = None,
    tpm: Tpm = None,
    tokens_day: TokensDay = None,
    tokens_month: TokensMonth = None,
    budget_day: BudgetDay = None,
    budget_month: BudgetMonth = None,
    at_limit: WhenReached = None,
    json: AsJson = False,
) -> None:
    """Set what a key may use up, in the place of its present limits; without options it has none."""
    from hostd.key_file import shown  # reads YAML, which the other verbs do without

    budget = budget_from(KeyLimits(rpm, tpm, tokens_day, tokens_month, budget_day, budget_month, at_limit))
    file, _ = _key_file()
    with file.locked():
        keys = file.read()
        _among(name, keys)
        changed = [replace(key, budget=budget) if key.name == name else key for key in keys]
        file.write(changed)
    said = "no limits" if budget is None else str(budget)
    say(f"the key '{name}' has {said} from now on; what it has used up counts on")
    if json:
        emit({"name": name, **shown(_among(name, changed))})


@app.command(name="list")
def list_keys(*, json: AsJson = False, url: Url = None) -> None:
    """List the keys, what they open, and what limited ones have used up; the keys themselves are not kept."""
    from hostd.key_file import shown  # reads YAML, which the other verbs do without

    file, _ = _key_file()
    keys = file.read()
    used = use_of_keys(url) if any(key.budget for key in keys) else {}
    if json:
        emit(
            {
                "file": str(file.path),
                "keys": [{"name": key.name, **shown(key), "used": used.get(key.name)} for key in keys],
            }
        )
        return
    for key in keys:
        write_line(f"{key.name}  {key.scope}" + "".join(f"  {each}" for each in _opens(key)))
        for line in () if key.budget is None else lines_of_use(key.budget, used.get(key.name)):
            write_line(f"  {line}")
    if not keys:
        say(f"there are no keys in {file.path}; make one with: hostd keys create NAME")


@app.command()
def revoke(name: Name, *, json: AsJson = False) -> None:
    """Take a key away; a running daemon refuses it within a second."""
    file, _ = _key_file()
    with file.locked():
        keys = file.read()
        gone = _among(name, keys)
        file.write([key for key in keys if key is not gone])
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


def _among(name: str, keys: Sequence[ClientKey]) -> ClientKey:
    found = next((key for key in keys if key.name == name), None)
    if found is None:
        raise VerbError(f"there is no key '{name}'; see: hostd keys list", Code.USAGE)
    return found


def _opens(key: ClientKey) -> Iterator[str]:
    if key.models is not None:
        yield f"models {','.join(sorted(key.models))}"
    if key.privacy is Privacy.LOCAL:
        yield "local only"
    if key.priority is Priority.BATCH:
        yield "batch"
    if key.expires is not None:
        ends = datetime.fromtimestamp(key.expires, UTC)
        yield f"{'expired' if key.expires <= time.time() else 'until'} {ends:%Y-%m-%dT%H:%M:%SZ}"


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
