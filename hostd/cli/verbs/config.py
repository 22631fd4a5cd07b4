"""``hostd config``: check and show the owner's files before the daemon reads them."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hostd.cli.exits import Code
from hostd.cli.options import AsJson
from hostd.cli.output import emit, say, write_line, write_piece
from hostd.config.locate import locate, user_file
from hostd.domain.control_characters import escaped
from hostd.domain.errors import ConfigError, Problem
from hostd.domain.profile import Settings

app = typer.Typer(help="Check, show or find the configuration.", no_args_is_help=True)

File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="A hostd.yaml; the one found when left out.", show_default=False)
]


@app.command()
def check(file: File = None, *, json: AsJson = False) -> None:
    """Print every problem of the configuration, with its file, line and column."""
    settings, problems = _read(file)
    remarks = [*settings.notes, *_missing_files(settings)]
    for line in [*map(str, problems), *remarks]:
        write_line(line, err=True)
    count = len(settings.profiles)
    if json:
        emit({"profiles": count, "problems": [asdict(problem) for problem in problems], "remarks": remarks})
    elif not problems:
        write_line(f"{count} profile{'' if count == 1 else 's'}, no problems")
    raise typer.Exit(Code.BAD_CONFIG if problems else Code.OK)


@app.command()
def show(file: File = None, *, json: AsJson = False) -> None:
    """Print the settings in effect, with defaults and without secrets."""
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without
    from hostd.config.show import show as plain

    settings = plain(load(file))
    if json:
        emit(settings)
    else:
        import yaml

        written = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        if escaped(written, lines=True) != written:
            # YAML's own escapes keep the meaning of a text; they stand in quotes.
            written = yaml.safe_dump(settings, sort_keys=False)
        write_piece(written)


@app.command()
def schema(*, json: AsJson = False) -> None:  # noqa: ARG001 - a schema is JSON anyway, and scripts may say so
    """Print the JSON schema of the configuration files, for editors."""
    from hostd.config.schema import schema as written  # costs 0.1 s, which the other verbs do without

    emit(written())


@app.command()
def path(*, json: AsJson = False) -> None:
    """Print which hostd.yaml is used; nothing, when there is none."""
    found = locate(None, os.environ)
    if json:
        emit({"path": str(found) if found else None})
    elif found:
        write_line(str(found))
    if not found:
        say(f"there is no hostd.yaml, so the defaults hold; to change them, write {user_file(os.environ)}")


def _read(file: Path | None) -> tuple[Settings, tuple[Problem, ...]]:
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without

    try:
        return load(file), ()
    except ConfigError as error:
        return Settings(), error.problems


def _missing_files(settings: Settings) -> Iterator[str]:
    for profile in settings.profiles.values():
        for variant in profile.variants:
            if variant.backend == "llamacpp" and variant.path and not Path(variant.path).expanduser().is_file():
                yield f"profile '{profile.name}': there is no file {variant.path}, so this variant cannot be served"
