"""``hostd init``: write a first configuration from the models and engines that this host has already."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hostd.backends.visible_cards import device_variables, visible_cards
from hostd.cli.exits import VerbError
from hostd.cli.options import AsJson, find_machine, owners_reserve
from hostd.cli.output import NOTHING, Column, emit, say, show_table, write_line
from hostd.config.locate import PROFILES, user_file
from hostd.domain.host import Host, PoolKind
from hostd.domain.units import format_bytes
from hostd.programs import find_program

if TYPE_CHECKING:
    from hostd.cli.init_selection import InitSelection

_PROGRAMS = ("llama-server", "ollama", "vllm", "mlx_lm.server")
_PACKAGES = ("xllamacpp", "llama_cpp")
_SERVING = ("llama-server", *_PACKAGES)
_COLUMNS = (
    Column("PROFILE", flexible=True),
    Column("MODEL", flexible=True, extra=True),
    Column("FOUND IN", flexible=True, extra=True),
    Column("SIZE", right=True),
    Column("CONTEXT", right=True),
    Column("SLOTS", right=True),
    Column("TAKES", right=True),
    Column("WARM"),
)

Folder = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Write there instead of the user's own folder.")
]
Sources = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Look for models in this folder, too; may be repeated.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be written.")]


def init(
    *,
    folder: Folder = None,
    sources: Sources = None,
    force: Force = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write a configuration for the models that are found here."""
    from hostd.cli.init_selection import select_profiles  # costs 0.3 s, which other verbs do without
    from hostd.models.locations import this_machine
    from hostd.models.scan import scan

    where = (folder or user_file(os.environ).parent).expanduser().absolute()
    machine = _seen(find_machine(None, owners_reserve()), os.environ)
    for trouble in machine.troubles:
        say(trouble)
    selections = select_profiles(scan(this_machine(), tuple(sources or ())), machine)
    files, engines = _files(selections), find_engines()
    if files and not dry_run:
        _write(where, files, force=force)
    if json:
        emit(_plain(selections, engines, where, list(files), dry_run=dry_run))
    else:
        _show(selections, engines)
    if not files:
        raise VerbError(
            "no model was found that can be served, so nothing was written; put a GGUF file into ~/models, or name its folder "
            "with --from"
        )
    if not json:
        _show_next(where, list(files), engines, dry_run=dry_run)


def _seen(machine: Host, environ: Mapping[str, str]) -> Host:
    """Return *machine* with the cards alone that *environ* shows to engines, which is what the daemon will have them use, too."""
    seen = visible_cards(machine, device_variables(environ))
    if seen.pools is None:
        return machine
    say(f"an engine inherits a variable of yours: {seen.why}")
    ordered = {name: at for at, name in enumerate(seen.pools)}
    cards = sorted((pool for pool in machine.accelerators if pool.id in ordered), key=lambda pool: ordered[pool.id])
    return replace(machine, pools=(*cards, *(pool for pool in machine.pools if pool.kind is PoolKind.RAM)))


def find_engines() -> dict[str, str | None]:
    """Return where each engine is: a program on PATH, or a package beside hostd; None for those that are not installed."""
    found = {name: find_program(name) for name in _PROGRAMS}
    packages = {name: importlib.util.find_spec(name) for name in _PACKAGES}
    return found | {name: (spec.origin or name) if spec else None for name, spec in packages.items()}


def _files(selections: Sequence["InitSelection"]) -> dict[str, str]:
    """Return the text of each file to write, by its path; empty where there is no model to write of."""
    from hostd.config.starter_files import host_text, profile_text

    profiles = {
        f"{PROFILES}/{each.starter.name}.yaml": profile_text(each.starter) for each in selections if each.starter
    }
    return {"hostd.yaml": host_text(), **profiles} if profiles else {}


def _write(where: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write *files*, then read them back as the daemon will.

    Raises:
        VerbError: Some exist, and *force* is not given.
        ConfigError: Other files in the folder contradict them.
    """
    from hostd.config.load import load

    # A dangling link counts as existing: writing through it would create a file somewhere else.
    existing = [name for name in files if os.path.lexists(where / name)]
    if existing and not force:
        raise VerbError(
            f"{where} already has {', '.join(existing)}, so nothing was written; overwrite them with --force, or name another "
            "folder with --folder"
        )
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    # Profiles that were in the folder before may clash with the new ones: better said now than by `hostd serve`.
    load(where / "hostd.yaml")


def _show(selections: Sequence["InitSelection"], engines: Mapping[str, str | None]) -> None:
    write_line(f"engines: {', '.join(name for name, at in engines.items() if at) or 'none'}\n")
    rows = []
    for each in selections:
        if each.starter is None or each.ready is None:
            continue
        takes = format_bytes(sum(each.ready.start.option.needs.values()))
        size, context, slots = format_bytes(each.entry.bytes), str(each.starter.context), str(each.starter.slots)
        warm = "from boot" if each.starter.preload else NOTHING
        rows.append((each.starter.name, each.entry.name, each.entry.found_in, size, context, slots, takes, warm))
    if rows:
        show_table(_COLUMNS, rows)
    others = [each for each in selections if each.starter is None]
    if others:
        write_line("\nno profile for:" if rows else "no profile for:")
        for each in others:
            write_line(f"  {each.entry.name} ({each.entry.found_in}): {each.why}")


def _show_next(where: Path, names: Sequence[str], engines: Mapping[str, str | None], *, dry_run: bool) -> None:
    verb = "would be written" if dry_run else "written"
    write_line(f"\n{verb} to {where}: {', '.join(names)}")
    if not any(engines[name] for name in _SERVING):
        say("no llama.cpp was found: put llama-server on PATH, or run: pip install 'hostd[llamacpp]'")
    file = where / "hostd.yaml"
    if not dry_run:
        write_line("next: hostd serve" + ("" if file == user_file(os.environ) else f" --config {quote(str(file))}"))


def _plain(
    selections: Sequence["InitSelection"],
    engines: Mapping[str, str | None],
    where: Path,
    names: Sequence[str],
    *,
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "folder": str(where),
        "files": list(names),
        "written": bool(names) and not dry_run,
        "engines": dict(engines),
        "models": [_plain_model(each) for each in selections],
    }


def _plain_model(selection: "InitSelection") -> dict[str, Any]:
    entry, starter, ready = selection.entry, selection.starter, selection.ready
    served = starter and ready and {"context": starter.context, "slots": starter.slots, "preload": starter.preload}
    return {
        "name": entry.name,
        "found_in": entry.found_in,
        "path": str(starter.path if starter else entry.path),
        "format": entry.format.value if entry.format else None,
        "quantisation": entry.quantisation,
        "bytes": entry.bytes,
        "profile": starter.name if starter else None,
        **(served or {}),
        "pool_bytes": ready.start.option.needs if starter and ready else {},
        "why": selection.why,
    }
