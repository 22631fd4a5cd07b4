"""``hostd inventory``: the host and its memory, measured now, with or without a daemon."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from hostd.cli.options import AnyHost, AsJson, find_machine, owners_reserve
from hostd.cli.output import NOTHING, Column, console, emit, say, show_table, write_line
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.units import format_bytes
from hostd.hardware.inventory import inventory as plain
from hostd.hardware.simulated import find_preset, preset_source

_MARKS = ("=", "#", ".", "/")
_LEGEND = "{} others   {} hostd   {} free for models   {} reserve".format(*_MARKS)
_NARROWEST, _WIDEST = 10, 40
_BESIDE = 58  # what the columns beside the bar usually take


@dataclass(frozen=True, slots=True)
class PoolShare:
    """The bytes of one pool: other programs', our engines', free for models, and reserved; together they are its total."""

    others: int
    ours: int
    free: int
    reserve: int


def inventory(*, json: AsJson = False, host: AnyHost = None) -> None:
    """Show the machine's memory and who holds it."""
    machine = find_machine(host, owners_reserve())
    for sentence in (*machine.troubles, *machine.absences):
        say(sentence)
    if json:
        emit(plain(machine))
        return
    engines = _engines() if host is None else {}
    write_line(f"{machine.cpu}, {machine.os}\n")
    _show_pools(machine, engines)
    _show_holders(machine, engines)
    for sentence in (*_limits(machine), *_source(host)):
        write_line(sentence)


def _limits(machine: Host) -> Iterator[str]:
    """Yield why main memory is smaller than the machine's."""
    for pool in machine.pools:
        facts = dict(pool.facts)
        if "cgroup" in facts and pool.total < machine.ram_bytes:
            part, whole = format_bytes(pool.total), format_bytes(machine.ram_bytes)
            yield f"{pool.id} has {part} of the machine's {whole}: the control group {facts['cgroup']} has no more"


def _source(host: str | None) -> Iterator[str]:
    """Yield where a preset's figures are from."""
    name = None if host is None or Path(host).exists() else find_preset(host)
    if name and (source := preset_source(name)):
        kind, _, url = source.rpartition(": ")
        yield f"the figures of {name} are from {f'its {kind}, not measured: {url}' if kind else source}"


def _show_pools(machine: Host, engines: dict[int, int]) -> None:
    columns = (
        Column("POOL"),
        Column("USE"),
        Column("OTHERS", right=True),
        Column("HOSTD", right=True),
        Column("FREE", right=True),
        Column("RESERVE", right=True, extra=True),
        Column("TOTAL", right=True),
        Column("NAME", flexible=True, extra=True),
    )
    width = max(_NARROWEST, min(_WIDEST, console().width - _BESIDE))
    rows = []
    for pool in machine.pools:
        share = pool_share(pool, engines)
        sizes = map(format_bytes, (share.others, share.ours, share.free, share.reserve, pool.total))
        rows.append((pool.id, bar(share, width), *sizes, pool.name))
    show_table(columns, rows)
    write_line(f"\n{_LEGEND}")


def _show_holders(machine: Host, engines: Collection[int]) -> None:
    columns = (
        Column("POOL"),
        Column("PID", right=True),
        Column("MEMORY", right=True),
        Column("WHOSE"),
        Column("PROCESS", flexible=True),
    )
    rows = [
        (
            pool.id,
            str(holder.pid),
            NOTHING if holder.bytes is None else format_bytes(holder.bytes),
            "hostd" if holder.pid in engines else "others",
            holder.name,
        )
        for pool in machine.pools
        for holder in pool.holders
    ]
    if rows:
        write_line()
        show_table(columns, rows)


def pool_share(pool: Pool, engines: dict[int, int]) -> PoolShare:
    """Return the shares of *pool*; *engines* are the bytes of main memory that each of hostd's engines holds, by pid.

    Free memory that models may not take is the reserve: the owner's, the system's ceiling, or a driver's.
    """
    used = pool.total - pool.free
    if pool.kind is PoolKind.VRAM:
        held = sum(holder.bytes or 0 for holder in pool.holders if holder.pid in engines)
    else:
        held = sum(engines.values())
    ours = min(used, held)
    free = max(0, min(pool.free, pool.budget - ours))
    return PoolShare(used - ours, ours, free, pool.free - free)


def bar(share: PoolShare, width: int) -> str:
    """Return *share* as a bar of *width* characters; every part above zero has at least one."""
    sizes = (share.others, share.ours, share.free, share.reserve)
    inner, total = width - 2, sum(sizes)
    if not total:
        return f"[{' ' * inner}]"
    lengths = [max(1, size * inner // total) if size else 0 for size in sizes]
    largest = sizes.index(max(sizes))
    lengths[largest] += inner - sum(lengths)
    return f"[{''.join(mark * length for mark, length in zip(_MARKS, lengths, strict=True))}]"


def _engines() -> dict[int, int]:
    """Return the main memory that each of hostd's engines holds, by pid; a variable in its environment marks an engine."""
    import psutil  # costs 15 ms, which the other verbs do without

    from hostd.supervisor.engine_family import ENV_MARKER  # costs 50 ms, which --json does without

    found = {}
    for pid in psutil.pids():
        try:
            process = psutil.Process(pid)
            if ENV_MARKER in process.environ():
                memory = process.memory_info()
                found[pid] = memory.rss - getattr(memory, "shared", 0)
        except (psutil.Error, OSError):
            continue
    return found
