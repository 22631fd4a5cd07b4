"""Whether the owner's files can be read, and say nothing that this version cannot do."""

from collections.abc import Sequence

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine, warned
from hostd.domain.errors import Problem
from hostd.domain.profile import Settings

_REMEDY = "hostd config check"


def check(context: CheckContext) -> Findings:
    """Return what is wrong with the configuration."""
    return judge(context.settings, context.problems)


def judge(settings: Settings, problems: Sequence[Problem]) -> Findings:
    """Return the findings on *settings*, which with *problems* are only the defaults."""
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return (
            failed("the configuration has mistakes, so hostd serve does not start", f"{problems[0]}{more}", _REMEDY),
        )
    if settings.notes:
        count = len(settings.notes)
        what = f"the configuration has {count} remark{'' if count == 1 else 's'}"
        return (warned(what, settings.notes[0], _REMEDY),)
    return fine(
        f"{settings.source} has no mistakes" if settings.source else "there is no hostd.yaml: the defaults hold"
    )
