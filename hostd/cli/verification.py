"""``hostd pull --verify``: whether the files of models that are here are still what they should be."""

from time import monotonic
from typing import Any

from hostd.cli.exits import Code, FailureCollector, VerbError
from hostd.cli.output import emit, say, write_line
from hostd.cli.progress import fetching
from hostd.cli.pull_targets import PullTargets
from hostd.domain.units import format_bytes
from hostd.models.locations import ModelLocations
from hostd.models.reference import FileReference
from hostd.models.scan import pulled
from hostd.models.verify import CheckedModel, Installation, Integrity, Reference, check, find_installation


def verify(models: list[str], targets: PullTargets, locations: ModelLocations, *, json: bool) -> Code:
    """Check *models*, print what was found, and return the largest exit code that applies.

    Without any, all declared profiles are meant, of which some may not be here, or, where none is declared, all that was pulled.
    """
    names = list(dict.fromkeys(models or targets.settings.profiles or map(str, pulled(locations))))
    if not names:
        say("nothing was pulled yet, and no profile is declared, so there is nothing to verify")
    failures, rows, seen = FailureCollector(targets.settings.profiles), list[dict[str, Any]](), set[Reference]()
    for asked in names:
        with failures.about(asked):
            found = [
                model
                for reference in targets.references(asked)
                if (model := find_installation(reference, locations)) is not None
            ]
            if not found:
                _nothing_here(asked, named=bool(models))
            for model in found:
                if model.reference not in seen:
                    seen.add(model.reference)
                    with failures.about(asked):
                        _check(asked, model, rows)
    if json:
        emit(rows)
    else:
        for row in rows:
            if row["verdict"] != Integrity.DAMAGED:
                write_line(row["path"])
    if failures.models and len(names) > 1:
        say(f"{len(failures.models)} of {len(names)} could not be verified: {', '.join(failures.models)}")
    return failures.code


def _nothing_here(asked: str, *, named: bool) -> None:
    sentence = f"{asked}: no model of that name is here whole, so there is nothing to verify; fetch it with: hostd pull {asked}"
    if named:
        raise VerbError(sentence)
    say(sentence)


def _check(asked: str, model: Installation, rows: list[dict[str, Any]]) -> None:
    """Check *model*, and add its row.

    Raises:
        VerbError: It is damaged; the sentence says what to do.
    """
    size, began = sum(file.bytes for file in model.files), monotonic()
    with fetching(str(model.reference), size) as listener:
        checked = check(model, listener.moved)
    rows.append(_row(asked, model, checked, round(monotonic() - began, 3)))
    if checked.verdict is Integrity.DAMAGED:
        raise VerbError(f"{model.reference} is damaged: {checked.why}; {_remedy(asked, model, checked)}")
    count = f"{len(model.files)} file{'s' if len(model.files) > 1 else ''}, {format_bytes(size)}"
    say(f"{model.reference}: {count}, {checked.verdict}: {checked.why}")
    for note in checked.notes:
        say(f"{model.reference}: {note}")


def _remedy(asked: str, model: Installation, checked: CheckedModel) -> str:
    bad = [str(each.file.path.resolve()) for each in checked.files if each.verdict is Integrity.DAMAGED]
    if isinstance(model.reference, FileReference):
        return "replace it with a good copy"
    if not bad:
        return f"remove {model.path}, and fetch it again with: hostd pull {asked}"
    return f"remove {' and '.join(bad[:3])}, and fetch it again with: hostd pull {asked}"


def _row(asked: str, model: Installation, checked: CheckedModel, seconds: float) -> dict[str, Any]:
    return {
        "model": asked,
        "reference": str(model.reference),
        "path": str(model.path),
        "bytes": sum(each.bytes for each in checked.files),
        "checked_bytes": sum(each.bytes for each in checked.files if each.verdict is not Integrity.UNCHECKED),
        "seconds": seconds,
        "files": [
            {
                "name": each.file.name,
                "bytes": each.bytes,
                "sha256": each.file.digest if len(each.file.digest or "") == 64 else None,
                "verdict": each.verdict,
                "why": each.why,
            }
            for each in checked.files
        ],
        "verdict": checked.verdict,
        "why": checked.why,
        "notes": list(checked.notes),
    }
