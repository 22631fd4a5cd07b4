"""``hostd pull``: weights from Hugging Face or Ollama's registry onto this machine, where all programs find them."""

import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hostd.cli.exits import Code, FailureCollector, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import emit, say
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
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before downloading.")]


def pull(  # noqa: PLR0913 - a command line's options are its contract
    models: Models = None,
    *,
    variant: Number = None,
    every: Every = False,
    mmproj: Projector = None,
    yes: Yes = False,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Download models, or go on where a download stopped.

    What cannot be had is said, and the others are pulled; the exit code is then the largest of those that apply.
    """
    # The hubs, parsers and planners cost 0.2 s, which other verbs do without.
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
    errands = PullTargets(settings, frozenset(backends(settings.commands)), forecasts.best, variant, every, mmproj)
    words, failures, rows = errands.words(models or []), FailureCollector(settings.profiles), list[dict[str, Any]]()
    try:
        found = [
            (request, order)
            for request in _errands(words, errands, failures, named=bool(models))
            if (order := _order(request, errands, failures, places))
        ]
        announced = [_announced(request, order, forecasts.about(request.asked)) for request, order in found]
        _agree([order for _, order in found], yes=yes)
        for (request, order), row in zip(found, announced, strict=True):
            with failures.about(request.asked):
                row["downloaded_bytes"], row["seconds"] = _fetched(order, places)
                rows.append(row)
    except KeyboardInterrupt:
        say("stopped; what came is kept: run the same command to go on")
        raise typer.Exit(Code.INTERRUPTED) from None
    if rows or not failures.models:
        _tell(rows, json=json)
    if failures.models and len(words) > 1:
        say(f"{len(failures.models)} of {len(words)} could not be pulled: {', '.join(failures.models)}")
    raise typer.Exit(failures.code)


def _errands(
    words: list[str], errands: "PullTargets", failures: "FailureCollector", *, named: bool
) -> "list[PullTarget]":
    """Return what to fetch for *words*, once each; a profile that was not *named* may have nothing."""
    from hostd.cli.pull_targets import NothingToPull

    found: dict[tuple[object, bool | None], PullTarget] = {}
    for text in words:
        with failures.about(text):
            try:
                meant = errands.of(text)
            except NothingToPull as nothing:
                if named:
                    raise
                say(nothing.message)
                continue
            if not meant:
                say(f"{text}: the file that would be served is here already; --variant N or --all pulls others")
            for request in meant:
                found.setdefault((request.reference, request.projector), request)
    return list(found.values())


def _order(
    request: "PullTarget", errands: "PullTargets", failures: "FailureCollector", places: "ModelLocations"
) -> "DownloadPlan | None":
    """Return the order for an errand; None where there is no such model, which is said with what there is instead."""
    from hostd.models.download.pull import prepare
    from hostd.models.errors import ModelNotFound

    with failures.about(request.asked):
        try:
            return prepare(request.reference, places, projector=request.projector)
        except ModelNotFound as error:
            instead = None if errands.every else _instead(request, errands, places)
            if instead is None:
                raise
            raise ModelNotFound(f"{error.message.rstrip('?')}; {instead}") from error
    return None


def _instead(request: "PullTarget", errands: "PullTargets", places: "ModelLocations") -> str | None:
    """Return which other variant of the same profile a hub has, in words; None where none is known."""
    from hostd.models.download.pull import prepare
    from hostd.models.errors import ModelUnreadable

    for number, other in errands.others(request):
        with suppress(ModelUnreadable):
            prepare(other.reference, places, projector=other.projector)
            return f"its variant {number}, {other.reference}, is there: hostd pull {request.asked} --variant {number}"
    return None


def _tell(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        emit(rows)
        return
    for row in rows:
        say(f"{row['reference']} is here; what it needs to run: hostd plan {row['model']}")
        typer.echo(row["path"])


def _announced(request: "PullTarget", order: "DownloadPlan", forecast: "FitForecast") -> dict[str, Any]:
    """Tell what an order will take, and return it as a row of the answer."""
    from hostd.models.download.pull import missing, total

    size, rest = total(order), missing(order)
    here = "all of it here" if rest == 0 else f"{format_bytes(rest)} to come"
    files = f"{len(order.items)} file{'s' if len(order.items) > 1 else ''}"
    say(f"{order.reference}: {files}, {format_bytes(size)}, {here}, in {order.folder}")
    say(f"{request.asked}: {forecast.why}")
    for note in forecast.notes:
        say(f"{request.asked}: {note}")
    for note in order.notes:
        say(f"{order.reference}: {note}")
    return {
        "model": request.asked,
        "reference": str(order.reference),
        "path": str(order.path),
        "bytes": size,
        "downloaded_bytes": 0,
        "seconds": 0.0,
        "files": [{"name": item.name, "bytes": item.size, "sha256": item.sha256} for item in order.items],
        "verdict": forecast.verdict,
        "why": forecast.why,
        "notes": list(order.notes),
    }


def _agree(orders: "list[DownloadPlan]", *, yes: bool) -> None:
    """Return if there is room, and the owner, where one looks on, agrees."""
    from hostd.models.download.pull import check_room, missing

    check_room(orders)
    rest = sum(map(missing, orders))
    if rest and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        typer.echo(f"download {format_bytes(rest)}? [Y/n] ", nl=False, err=True)
        if sys.stdin.readline().strip(" ").lower() not in ("\n", "y\n", "yes\n"):
            raise VerbError("nothing was downloaded")


def _fetched(order: "DownloadPlan", places: "ModelLocations") -> tuple[int, float]:
    """Have an order here; return the bytes that came for it, and the seconds that it took."""
    from hostd.cli.progress import fetching
    from hostd.models.download.pull import carry_out, missing, total

    rest, began = missing(order), monotonic()
    with fetching(str(order.reference), total(order)) as listener:
        carry_out(order, places, listener)
    return rest, round(monotonic() - began, 3)
