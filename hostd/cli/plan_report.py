"""A plan for programs and for people: the same verdicts as plain data, as sentences, and as a table."""

from dataclasses import replace
from typing import Any

from hostd.cli.output import NOTHING, Column, show_table, write_line
from hostd.cli.phrases import listed, memory
from hostd.domain.footprint import Component, Span
from hostd.domain.host import Host
from hostd.domain.units import format_bytes
from hostd.planning.footprint.levers import Lever
from hostd.planning.warm_set.fit import Fit, Verdict
from hostd.planning.warm_set.joint_plan import JointPlan
from hostd.planning.warm_set.load_option import LoadOption, excess, expert_offload, full_offload, partial_offload
from hostd.sizing.candidates import PlanCandidate

_TIGHT = 10  # with less than this part in a hundred left, what would save memory is worth knowing
_COLUMNS = (
    Column("MODEL", flexible=True),
    Column("VERDICT"),
    Column("WHERE"),
    Column("WEIGHTS", right=True),
    Column("KV", right=True),
    Column("STATE", right=True, extra=True),
    Column("COMPUTE", right=True),
    Column("OVERHEAD", right=True),
    Column("AT MOST", right=True),
    Column("LEFT", right=True),
    Column("BACKEND", extra=True),
)


def report(candidate: PlanCandidate, fit: Fit | None, host: Host) -> dict[str, Any]:
    """Return one model's verdict as the contract of ``plan --json`` has it: bytes by pool and by component, and why."""
    option = fit.option if fit else None
    footprint = option.footprint if option else None
    pools = _pools(option) if option else {}
    components = {part.value: _expected(option, part) if option else 0 for part in Component}
    verdict = Verdict.FITS if candidate.remote else fit.verdict if fit else Verdict.DOES_NOT_FIT
    levers = useful_levers(fit, host) if fit else []
    return {
        "model": candidate.name,
        "backend": option.mode.backend if option else _backend_of(candidate),
        "tier": footprint.tier.value if footprint else "header",
        "verdict": verdict.value,
        "pool_bytes": {pool: _span(span) for pool, span in sorted(pools.items())},
        "components": components,
        "host_bytes": pools.get("ram", Span()).expected,
        "evict": list(fit.evict) if fit else [],
        "levers": [{"change": lever.change, "saves_bytes": lever.saves} for lever in levers],
        "why": explain(candidate, fit, host),
    }


def useful_levers(fit: Fit, host: Host) -> list[Lever]:
    """Return what would save memory, where there is need: too little room, a tight fit, layers on the host, or evictions."""
    option, free = fit.option, fit.free
    # Nothing is short: a lever would not turn an upper bound into a promise.
    if fit.verdict is Verdict.CANNOT_SAY:
        return []
    pools = [pool for pool, _ in option.placement.devices] or [option.placement.host]
    # Shares of elastic memory are no need: what they leave free would be left free without them, too.
    least = {pool: option.needs.get(pool, 0) - option.share_bytes.get(pool, 0) for pool in pools}
    tight = any((free.get(pool, 0) - least[pool]) * 100 < free.get(pool, 0) * _TIGHT for pool in pools)
    if fit.verdict is Verdict.FITS and option.whole and not tight:
        return []
    best = option
    if not option.whole:
        # Levers are for the placement that would be faster, not for the one partly on the CPU.
        best = min(full_offload(option.mode, host, free), key=lambda each: sum(excess(each.needs, free).values()))
    return option.mode.levers(best.placement, free)


def explain(candidate: PlanCandidate, fit: Fit | None, host: Host) -> str:
    """Return the verdict and what it rests on, as sentences."""
    if candidate.trouble:
        return candidate.trouble
    if candidate.remote:
        return "; ".join((candidate.remote.why, *candidate.notes))
    if fit is None:
        mode = candidate.variants[0].mode
        return mode.why_not(host.accelerators) or f"{mode.backend} cannot serve it on this machine"
    option = fit.option
    bound = "this is an upper bound, not an estimate" if option.footprint.bounded_only else ""
    advice = (
        ""
        if fit.verdict in (Verdict.DOES_NOT_FIT, Verdict.CANNOT_SAY)
        else option.mode.advice(option.placement, option.needs)
    )
    more = [
        _shares(option),
        _drafting(option),
        _speed(option, fit, host),
        advice,
        bound,
        *candidate.notes,
        *option.mode.notes,
        *option.footprint.notes,
    ]
    return "; ".join((_verdict(fit, host), *sorted(filter(None, more), key=len)))


def _pools(option: LoadOption) -> dict[str, Span]:
    """Return what each pool holds, with the shares of elastic memory and without what is not allowed."""
    found = {}
    for pool in option.footprint.parts:
        span, share = option.footprint.pool(pool), option.share_bytes.get(pool, 0)
        high = option.footprint.needed(pool) + share
        found[pool] = Span(min(span.low, high), min(span.expected, high), high)
    return found


def _expected(option: LoadOption, part: Component) -> int:
    """Return the expected bytes of a component; a cache that is taken at once is as large as it is allowed to be."""
    unused = (
        (each.most - (option.shares or {}).get(each.flag, 0)) * each.unit * len(each.pools)
        for each in option.elastic
        if each.at_once and each.component is part
    )
    return max(0, option.footprint.component(part).expected - sum(unused))


def _shares(option: LoadOption) -> str:
    given = {flag: count for flag, count in (option.shares or {}).items() if count}
    later = sum(given.get(each.flag, 0) * each.unit * len(each.pools) for each in option.elastic if not each.at_once)
    if not later:
        return ""
    flags = ", ".join(
        f"{each.flag} {given[each.flag]}" for each in option.elastic if each.flag in given and not each.at_once
    )
    return f"{format_bytes(later)} of that are for past prompts, as far as memory is left ({flags})"


def _drafting(option: LoadOption) -> str:
    """Return what drafts tokens for the model and takes of memory, or why nothing does; empty where nothing could."""
    mode, placement = option.mode, option.placement
    if not mode.drafts:
        return ""
    if placement.drafts:
        without = mode.estimate(replace(placement, drafts=False), option.gpu_layers)
        bytes_ = sum(option.footprint.needed(pool) - without.needed(pool) for pool in option.footprint.parts)
        return (
            f"{mode.drafts} tokens for it to verify, which takes {format_bytes(bytes_)} of that (draft: off saves it)"
        )
    if option.whole and placement.devices:
        return f"{mode.drafts} nothing: there is no room for that"
    if not placement.devices:
        return f"{mode.drafts} nothing: on the processor, verifying tokens takes as long as they would take one by one"
    return f"{mode.drafts} nothing: layers on the card gain more than drafting with some of them on the CPU"


def _speed(option: LoadOption, fit: Fit, host: Host) -> str:
    """Return how fast a request will probably be answered where part of the model is on the CPU, and in the other way that is."""
    if option.whole or not option.tokens_per_second or fit.verdict in (Verdict.DOES_NOT_FIT, Verdict.CANNOT_SAY):
        return ""
    offload = partial_offload if option.placement.cpu_experts else expert_offload
    other = next((each for each in offload(option.mode, host, fit.free) if not excess(each.needs, fit.free)), None)
    way = "layers" if option.placement.cpu_experts else "experts"
    against = f" against {_rate(other)} with {way} on the CPU" if other else ""
    return f"about {_rate(option)} tokens a second{against}, an estimate from the bandwidth of cards and memory"


def _rate(option: LoadOption) -> str:
    return f"{option.tokens_per_second:.{0 if option.tokens_per_second >= 10 else 1}f}"


def _backend_of(candidate: PlanCandidate) -> str | None:
    return candidate.remote.label.partition(":")[0] if candidate.remote else None


def _verdict(fit: Fit, host: Host) -> str:
    option = fit.option
    if fit.verdict is Verdict.CANNOT_SAY and option.footprint.unreckoned:
        named = option.footprint.unreckoned
        where = "environment" if all(name.isupper() for name in named) else "args"
        return (
            f"cannot be promised to fit: what {', '.join(named)} in its {where} changes is not counted; "
            "a load on this machine would tell"
        )
    if fit.verdict is Verdict.CANNOT_SAY:
        most = format_bytes(sum(option.most.values()))
        lack = " and ".join(f"{format_bytes(bytes_)} of {pool}" for pool, bytes_ in sorted(fit.short.items()))
        return (
            f"cannot be promised to fit: its architecture is not known to this version. It takes {most} at the very most, "
            f"{f'for which {lack} would be missing' if lack else 'and there is room for that'}; a load on this machine would tell"
        )
    if fit.verdict is Verdict.DOES_NOT_FIT:
        short = " and ".join(
            f"{pool} is {format_bytes(bytes_)} too small" for pool, bytes_ in sorted(fit.short.items())
        )
        return f"does not fit: {short}"
    return f"{_placed(option, host)}{_evicted(fit)}, with at most {format_bytes(sum(option.needs.values()))} in all"


def _evicted(fit: Fit) -> str:
    if not fit.evict:
        return ""
    waits = ", which has to wait for requests in flight" if fit.waits else ""
    return f" once {' and '.join(fit.evict)} {'are' if len(fit.evict) > 1 else 'is'} evicted{waits}"


def _placed(option: LoadOption, host: Host) -> str:
    cards = listed(pool for pool, _ in option.placement.devices)
    if option.placement.cpu_experts:
        return (
            f"fits on {cards} with the experts of {option.placement.cpu_experts} of {option.mode.experts} layers on the CPU "
            f"(n-cpu-moe {option.placement.cpu_experts})"
        )
    if option.gpu_layers:
        rest = option.mode.layers - option.gpu_layers
        return (
            f"fits in part on {cards}, {option.gpu_layers} of {option.mode.layers} layers (gpu-layers {option.gpu_layers}), "
            f"and {rest} on the CPU, which is several times slower"
        )
    if option.mode.host_only or (host.accelerators and not option.mode.accelerators(host)):
        return "fits on the CPU alone, where the owner keeps it"
    if host.accelerators and not option.placement.devices:
        return "fits on the CPU alone (gpu-layers 0), many times slower: no layer has room on an accelerator"
    if len(option.placement.devices) > 1:
        why = "as the owner's flags have it" if option.mode.cards else "for no single card has room for it"
        return f"fits when split over {cards}, {why}"
    return f"fits on {cards if option.placement.devices else option.placement.host}"


def show(rows: list[dict[str, Any]], plan: JointPlan) -> None:
    """Print a table of verdicts, then what would save memory and the reasons, and the set that is warm."""
    show_table(_COLUMNS, [_cells(row, plan.fits.get(row["model"])) for row in rows])
    for row in sorted(rows, key=lambda row: len(row["why"])):
        write_line(f"\n{row['model']}: {row['why']}")
        if row["levers"]:
            write_line("  what would save memory:")
        for lever in row["levers"]:
            write_line(f"    {format_bytes(lever['saves_bytes']):>9}  {lever['change']}")
    if len(rows) > 1:
        proof = "" if plan.proved else " (the best found, not proved to be the best)"
        write_line(f"\nwarm together{proof}: {listed(plan.warm)}")


def _cells(row: dict[str, Any], fit: Fit | None) -> tuple[str, ...]:
    parts = row["components"]
    sizes = (format_bytes(parts[part]) if parts[part] else NOTHING for part in Component)
    verdict = row["verdict"].replace("_", " ")
    where = listed(row["pool_bytes"])
    left = NOTHING
    most = sum(span["high"] for span in row["pool_bytes"].values())
    fast = [pool for pool, _ in fit.option.placement.devices] or [fit.option.placement.host] if fit else []
    if fit and fit.verdict not in (Verdict.DOES_NOT_FIT, Verdict.CANNOT_SAY):
        free = {pool: fit.free.get(pool, 0) - count for pool, count in fit.option.needs.items()}
        left = memory({pool: free[pool] for pool in fast})
    elif fit:
        left = f"lacks {memory(fit.short)}" if fit.short else "not known"
    return (row["model"], verdict, where, *sizes, format_bytes(most), left, row["backend"] or NOTHING)


def _span(span: Span) -> dict[str, int]:
    return {"low": span.low, "expected": span.expected, "high": span.high}
