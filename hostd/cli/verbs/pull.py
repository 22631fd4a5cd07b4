"""``hostd pull``: download weights from Hugging Face or Ollama's registry to where other programs find them, too."""

import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from hostd.cli.exits import Code, FailureCollector, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import emit, say, write_line, write_piece
from hostd.domain.units import format_bytes

if TYPE_CHECKING:
    from hostd.cli.fit_forecast import FitForecast
    from hostd.cli.pull_targets import PullTarget, PullTargets
    from hostd.models.download.pull import DownloadPlan
    from hostd.models.locations import ModelLocations

Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL|hf:REPO[/FILE]|ollama:TAG]...",
        help="What to download; all declared profiles when left out.",
        show_default=False,
    ),
]
Number = Annotated[
    int | None, typer.Option("--variant", min=1, metavar="N", help="Take a profile's Nth variant, not the best one.")
]
Every = Annotated[bool, typer.Option("--all", help="Take all variants of a profile.")]
Projector = Annotated[
    bool | None,
    typer.Option("--mmproj/--no-mmproj", help="Whether to take the vision or audio tower of a GGUF model, too."),
]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="Download nothing: check the files that are here against all that is known of them."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before downloading.")]


def pull(  # noqa: PLR0913 - a command line's options are its contract
    models: Models = None,
    *,
    variant: Number = None,
    every: Every = False,
    mmproj: Projector = None,
    verify: Verify = False,
    yes: Yes = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Download models, or resume a download that stopped.

    A model that cannot be pulled is reported, and the others are pulled; the exit code is then the largest of those that apply.
    """
    if verify:
        _verify(models or [], variant, json=json)
    # Hubs, parsers and planners take 0.2 s to import, which other verbs save.
    from hostd.backends.registry import backends
    from hostd.cli.fit_forecast import FitForecaster
    from hostd.cli.options import daemon_memory, find_machine
    from hostd.cli.pull_targets import PullTargets
    from hostd.config.load import load
    from hostd.models.locations import this_machine

    settings, places = load(), this_machine()
    daemon = daemon_memory(url)
    machine = daemon.host if daemon else find_machine(None, settings.reserve)
    forecasts = FitForecaster(settings, machine, daemon)
    targets = PullTargets(settings, frozenset(backends(settings.commands)), forecasts.best, variant, every, mmproj)
    names, failures, rows = targets.names(models or []), FailureCollector(settings.profiles), list[dict[str, Any]]()
    try:
        found = [
            (target, download)
            for target in _targets(names, targets, failures, named=bool(models))
            if (download := _prepared(target, targets, failures, places))
        ]
        announced = [_announce(target, download, forecasts.about(target.asked)) for target, download in found]
        _confirm([download for _, download in found], yes=yes)
        for (target, download), row in zip(found, announced, strict=True):
            with failures.about(target.asked):
                row["downloaded_bytes"], row["seconds"] = _download(download, places)
                rows.append(row)
    except KeyboardInterrupt:
        say("stopped; what was downloaded is kept: run the same command to resume")
        raise typer.Exit(Code.INTERRUPTED) from None
    if rows or not failures.models:
        _tell(rows, json=json)
    if failures.models and len(names) > 1:
        say(f"{len(failures.models)} of {len(names)} could not be pulled: {', '.join(failures.models)}")
    raise typer.Exit(failures.code)


def _verify(models: list[str], variant: int | None, *, json: bool) -> NoReturn:
    # As in `pull`: what only this needs is imported here.
    from hostd.cli.pull_targets import PullTargets
    from hostd.cli.verification import verify
    from hostd.config.load import load
    from hostd.models.locations import this_machine

    targets = PullTargets(load(), frozenset(), lambda _: None, variant)
    try:
        code = verify(models, targets, this_machine(), json=json)
    except KeyboardInterrupt:
        say("stopped; nothing was changed")
        code = Code.INTERRUPTED
    raise typer.Exit(code)


def _targets(
    names: list[str], targets: "PullTargets", failures: "FailureCollector", *, named: bool
) -> "list[PullTarget]":
    """Return what to pull for *names*, once each; a profile that was not *named* may have nothing on a hub."""
    from hostd.cli.pull_targets import NothingToPull

    found: dict[tuple[object, bool | None], PullTarget] = {}
    for text in names:
        with failures.about(text):
            try:
                meant = targets.of(text)
            except NothingToPull as nothing:
                if named:
                    raise
                say(nothing.message)
                continue
            if not meant:
                say(f"{text}: the file that would be served is here already; --variant N or --all pulls others")
            for target in meant:
                found.setdefault((target.reference, target.projector), target)
    return list(found.values())


def _prepared(
    target: "PullTarget", targets: "PullTargets", failures: "FailureCollector", places: "ModelLocations"
) -> "DownloadPlan | None":
    """Return the download of *target*; None where the hub has no such model, which is reported with what it has instead."""
    from hostd.models.download.pull import prepare
    from hostd.models.errors import ModelNotFound

    with failures.about(target.asked):
        try:
            return prepare(target.reference, places, projector=target.projector)
        except ModelNotFound as error:
            instead = None if targets.every else _instead(target, targets, places)
            if instead is None:
                raise
            raise ModelNotFound(f"{error.message.rstrip('?')}; {instead}") from error
    return None


def _instead(target: "PullTarget", targets: "PullTargets", places: "ModelLocations") -> str | None:
    """Return which other variant of the same profile a hub has, as a sentence; None where none is known."""
    from hostd.models.download.pull import prepare
    from hostd.models.errors import ModelUnreadable

    for number, other in targets.others(target):
        with suppress(ModelUnreadable):
            prepare(other.reference, places, projector=other.projector)
            return f"its variant {number}, {other.reference}, is there: hostd pull {target.asked} --variant {number}"
    return None


def _tell(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        emit(rows)
        return
    for row in rows:
        say(f"{row['reference']} is here; what it needs to run: hostd plan {row['model']}")
        write_line(row["path"])


def _announce(target: "PullTarget", download: "DownloadPlan", forecast: "FitForecast") -> dict[str, Any]:
    """Report what a download takes and whether it will fit, and return its row of the answer."""
    from hostd.models.download.pull import missing, total

    size, rest = total(download), missing(download)
    here = "all of it here" if rest == 0 else f"{format_bytes(rest)} to come"
    files = f"{len(download.items)} file{'s' if len(download.items) > 1 else ''}"
    say(f"{download.reference}: {files}, {format_bytes(size)}, {here}, in {download.folder}")
    say(f"{target.asked}: {forecast.why}")
    for note in forecast.notes:
        say(f"{target.asked}: {note}")
    for note in download.notes:
        say(f"{download.reference}: {note}")
    return {
        "model": target.asked,
        "reference": str(download.reference),
        "path": str(download.path),
        "bytes": size,
        "downloaded_bytes": 0,
        "seconds": 0.0,
        "files": [{"name": item.name, "bytes": item.size, "sha256": item.sha256} for item in download.items],
        "verdict": forecast.verdict,
        "why": forecast.why,
        "notes": list(download.notes),
    }


def _confirm(downloads: "list[DownloadPlan]", *, yes: bool) -> None:
    """Check the disk, and ask the owner on a terminal.

    Raises:
        DiskFull: The downloads do not fit on the disk.
        VerbError: The owner said no.
    """
    from hostd.models.download.pull import check_room, missing

    check_room(downloads)
    rest = sum(map(missing, downloads))
    if rest and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        write_piece(f"download {format_bytes(rest)}? [Y/n] ", err=True)
        if sys.stdin.readline().strip(" ").lower() not in ("\n", "y\n", "yes\n"):
            raise VerbError("nothing was downloaded")


def _download(download: "DownloadPlan", places: "ModelLocations") -> tuple[int, float]:
    """Carry out a download; return the bytes downloaded and the seconds it took."""
    from hostd.cli.progress import fetching
    from hostd.models.download.pull import carry_out, total

    began = monotonic()
    with fetching(str(download.reference), total(download)) as listener:
        count = carry_out(download, places, listener)
    return count, round(monotonic() - began, 3)
