"""The report of a week as Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hostd.cli.machine_lines import machine_lines
from hostd.cli.output import NOTHING
from hostd.cli.phrases import money, percent


def markdown(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the document that tells of *found*, an answer of ``/hostd/v1/report``."""
    first, last = (datetime.fromisoformat(found[end]).astimezone().date() for end in ("since", "until"))
    compared = found["compare"]
    yield f"# hostd, {first} to {last}"
    yield ""
    yield _summary(found["total"], compared)
    if lines := list(machine_lines(found.get("machine"), compared)):
        yield from ("", " ".join(lines))
    for title, groups in (("role", found["roles"]), ("model", found["models"])):
        yield from ("", f"## By {title}", "")
        yield from _sums(title, groups, compared)
    yield from ("", "## Fallbacks", "")
    yield from _fallbacks(found["fallbacks"])
    yield from ("", "## Assignments to look at", "")
    yield from _assignments(found.get("assignments", []))
    yield from ("", "## Loaded without a request for it", "")
    yield from _unused(found["unused_models"])


def _summary(total: Mapping[str, Any], compared: Mapping[str, Any] | None) -> str:
    share = total["local_share"]
    local = "" if share is None else f", {percent(share)} of them without a cloud provider"
    elsewhere = (
        "" if compared is None else f" The same tokens at {compared['model']}: {money(total['compare_usd'])} USD."
    )
    left_out = total["unpriced_requests"]
    missing = f" The cost of {left_out} requests is not known." if left_out else ""
    return (
        f"{total['requests']} requests, {total['answered']} answered{local}; {total['prompt_tokens']} tokens of prompts,"
        f" {total['output_tokens']} of answers; {money(total['usd'])} USD.{elsewhere}{missing}"
    )


def _sums(title: str, groups: Iterable[Mapping[str, Any]], compared: Mapping[str, Any] | None) -> Iterator[str]:
    more = [] if compared is None else [f"at {compared['model']}"]
    rows = [
        [
            each["name"] or f"no {title}",
            each["requests"],
            percent(each["local_share"]),
            each["prompt_tokens"],
            each["output_tokens"],
            money(each["usd"]),
            *([] if compared is None else [money(each["compare_usd"])]),
        ]
        for each in groups
    ]
    yield from _table([title, "requests", "local", "prompt", "answer", "USD", *more], rows, "There were no requests.")


def _fallbacks(roles: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        [
            each["role"],
            each["requests"],
            each["fallbacks"],
            percent(each["share"]),
            ", ".join(f"{reason or NOTHING} {count}" for reason, count in each["reasons"].items()),
        ]
        for each in roles
        if each["fallbacks"]
    ]
    yield from _table(["role", "requests", "fell back", "share", "why"], rows, "No request of a role fell back.")


def _assignments(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [[each["role"], each["what"], each["advice"]] for each in found]
    yield from _table(["role", "what", "what to do"], rows, "None looks wrong.")


def _unused(models: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [[each["model"], each["loads"], each["seconds"]] for each in models]
    yield from _table(["model", "loads", "seconds"], rows, "Every model that was loaded was asked for.")


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> Iterator[str]:
    """Yield a table, or *empty* where it has no rows; all columns but the first are set to the right."""
    if not rows:
        yield empty
        return
    yield _line(titles)
    yield _line(["---", *["---:"] * (len(titles) - 1)])
    yield from map(_line, rows)


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
