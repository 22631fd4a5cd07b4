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
from hostd.config.locate import user_file
from hostd.domain.host import Host, PoolKind
from hostd.domain.units import format_bytes
from hostd.programs import find_program

if TYPE_CHECKING:
    from hostd.cli.init_selection import InitSelection
    from hostd.config.starter_roles import CloudStart

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
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="Write the models and roles that ship for a machine, such as rtx4090, in the place of those that are found; "
        "`hostd pull` gets them.",
    ),
]
Cloud = Annotated[
    str | None,
    typer.Option(
        "--cloud",
        metavar="PROVIDER",
        help="Let the roles that write for people, research and writer, begin with a model of this provider: what they are "
        "asked leaves this machine.",
    ),
]
CloudKey = Annotated[
    Path | None,
    typer.Option(
        "--key-file", metavar="FILE", help="Where the provider's key is, if not in the environment (mode 0600)."
    ),
]


def init(  # noqa: PLR0913 - a command line's options are its contract
    *,
    folder: Folder = None,
    sources: Sources = None,
    preset: Preset = None,
    cloud: Cloud = None,
    key_file: CloudKey = None,
    force: Force = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write a configuration for this machine, or a known one."""
    from hostd.cli import init_files

    where = (folder or user_file(os.environ).parent).expanduser().absolute()
    started = init_files.cloud_start(cloud, key_file)
    if preset is None:
        machine = _machine()
        selections = _found(machine, sources)
        files = init_files.files_for_found(selections, started)
    else:
        machine, selections, files = None, [], init_files.files_of_preset(preset, started)
    engines = find_engines()
    if files and not dry_run:
        _write(where, files, force=force)
    if json:
        emit(_plain(selections, engines, where, list(files), dry_run=dry_run))
    else:
        _show(selections, engines)
    if not files:
        known = None if machine is None else init_files.preset_for(machine)
        raise VerbError(
            "no model was found that can be served, so nothing was written; put a GGUF file into ~/models, or name its folder "
            "with --from" + ("" if known is None else f"; or take what ships for such a machine: --preset {known}")
        )
    if json:
        return
    if started is not None:
        _say_what_leaves(started)
    elif given := init_files.unused_key():
        say(
            f"a key for {given} was found and is not used; with --cloud {given}, the roles research and writer would begin there"
        )
    _show_next(where, list(files), engines, dry_run=dry_run, pulls=preset is not None)


def _machine() -> Host:
    """Return this machine, of which troubles are said."""
    machine = _seen(find_machine(None, owners_reserve()), os.environ)
    for trouble in machine.troubles:
        say(trouble)
    return machine


def _found(machine: Host, sources: Sequence[Path] | None) -> "list[InitSelection]":
    from hostd.cli.init_selection import select_profiles  # costs 0.3 s, which other verbs do without
    from hostd.models.locations import this_machine
    from hostd.models.scan import scan

    return select_profiles(scan(this_machine(), tuple(sources or ())), machine)


def _say_what_leaves(cloud: "CloudStart") -> None:
    from hostd.config.starter_roles import DAILY_USD, FOR_PEOPLE

    say(
        f"{' and '.join(FOR_PEOPLE)} begin with {cloud.model} of {cloud.provider}, for {DAILY_USD} USD a day at most: what they "
        "are asked leaves this machine; without network or money, the models here answer"
    )
    if cloud.key_file is None:
        say(f"the daemon has to have {cloud.variable} in its environment, too; for a service, rather use --key-file")


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


def _show_next(
    where: Path, names: Sequence[str], engines: Mapping[str, str | None], *, dry_run: bool, pulls: bool
) -> None:
    verb = "would be written" if dry_run else "written"
    write_line(f"\n{verb} to {where}: {', '.join(names)}")
    if not any(engines[name] for name in _SERVING):
        say("no llama.cpp was found: put llama-server on PATH, or run: pip install 'hostd[llamacpp]'")
    file = where / "hostd.yaml"
    if not dry_run:
        named = "" if file == user_file(os.environ) else quote(str(file))
        if pulls:
            write_line(f"next: {named and f'HOSTD_CONFIG={named} '}hostd pull")
        write_line(f"{'then' if pulls else 'next'}: hostd serve{named and f' --config {named}'}")


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
