"""``hostd inventory``."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.cli.verbs.inventory import PoolShare, bar, pool_share
from hostd.domain.host import Holder, Host, Pool, PoolKind, Reserve
from hostd.hardware.simulated import PRESETS
from hostd.supervisor.engine_family import ENV_MARKER
from tests.cli.recorded import Ran

GIB = 2**30
KEYS = {"id", "kind", "name", "total_bytes", "free_bytes", "budget_bytes"}


@pytest.fixture
def engine() -> Iterator[int]:
    """A process that carries an engine's mark."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {ENV_MARKER: "mark"}) as child:
        yield child.pid
        child.kill()


@pytest.fixture
def two_cards(engine: int, monkeypatch: pytest.MonkeyPatch) -> Host:
    """This machine has two cards: one that an engine and a game share, and one that does not answer."""
    holders = (
        Holder(engine, "llama-server", 12 * GIB),
        Holder(9000001, "/usr/bin/game", 2 * GIB),
        Holder(9000002, "?", None),
    )
    card = Pool("cuda:0", PoolKind.VRAM, "NVIDIA GeForce RTX 4090", 24 * GIB, 10 * GIB, 23 * GIB, holders)
    ram = Pool("ram", PoolKind.RAM, "Main memory", 64 * GIB, 60 * GIB, 60 * GIB)
    host = Host(
        "Linux 6.12, Debian", "A Processor", 64 * GIB, (card, ram), ("the NVIDIA card at index 1 does not answer",)
    )
    monkeypatch.setattr("hostd.hardware.probe.probe", lambda _: host)
    return host


def test_json_has_exactly_the_promised_keys(hostd: Callable[..., Ran]) -> None:
    """This machine, measured without a daemon."""
    told = json.loads(hostd("inventory", "--json").out)
    assert ({"host", "pools"}, {"os", "cpu", "ram_bytes"}) == (set(told), set(told["host"]))
    assert [KEYS] * len(told["pools"]) == [set(pool) for pool in told["pools"]]
    assert {"ram", "metal"} & {pool["id"] for pool in told["pools"]}


def test_the_table_shows_who_holds_what(two_cards: Host, engine: int, hostd: Callable[..., Ran]) -> None:
    """A bar for each pool, then the processes that hold memory of cards, hostd's own told from others'."""
    ran = hostd("inventory")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert (0, "A Processor, Linux 6.12, Debian") == (ran.code, lines[0])
    assert "POOL USE OTHERS HOSTD FREE RESERVE TOTAL NAME" == lines[2]
    assert lines[3].endswith("2.0 GiB 12.0 GiB 10.0 GiB 0 B 24.0 GiB NVIDIA GeForce RTX 4090")
    assert lines[4].endswith("64.0 GiB Main memory")
    assert "= others # hostd . free for models / reserve" == lines[6]
    assert f"cuda:0 {engine} 12.0 GiB hostd llama-server" == lines[9]
    assert "cuda:0 9000001 2.0 GiB others /usr/bin/game" == lines[10]
    assert "cuda:0 9000002 - others ?" == lines[11]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_troubles_are_told_apart(two_cards: Host, hostd: Callable[..., Ran], options: tuple[str, ...]) -> None:
    """On stderr, whatever is printed, and they are no failure."""
    ran = hostd("inventory", *options)
    assert (0, "hostd: the NVIDIA card at index 1 does not answer\n") == (ran.code, ran.err)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_the_terminal(
    two_cards: Host, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """No line is longer than the terminal is wide, and bars are as long as there is room."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = hostd("inventory").out.splitlines()
    assert all(len(line) <= width for line in lines), lines
    assert "[=" in lines[3]


def test_a_limit_is_told(two_cards: Host, hostd: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's owner looks for the memory that the machine has."""
    *cards, ram = two_cards.pools
    ram = replace(ram, total=8 * GIB, facts=(("cgroup", "/sys/fs/cgroup/a"),))
    monkeypatch.setattr("hostd.hardware.probe.probe", lambda _: replace(two_cards, pools=(*cards, ram)))
    told = "ram has 8.0 GiB of the machine's 64.0 GiB: the control group /sys/fs/cgroup/a has no more"
    assert told in " ".join(hostd("inventory").out.split())


def test_another_machine(hostd: Callable[..., Ran], bare_home: Path) -> None:
    """A preset's name, or a file; both are shown like this machine, with the owner's reserve."""
    (bare_home / "config/hostd").mkdir(parents=True)
    (bare_home / "config/hostd/hostd.yaml").write_text("memory: {reserve: {vram: 2GiB}}\n")
    printed = hostd("inventory", "--host", "2xrtx3090", "--json").out
    (bare_home / "box.json").write_text(printed)
    assert printed == hostd("inventory", "--host", str(bare_home / "box.json"), "--json").out
    card = json.loads(printed)["pools"][0]
    assert 2 * GIB == card["free_bytes"] - card["budget_bytes"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_shown(hostd: Callable[..., Ran], name: str) -> None:
    """One line for each pool."""
    ran = hostd("inventory", "--host", name)
    assert (0, "") == (ran.code, ran.err)
    assert "[" in ran.out
    assert ("https://" in ran.out) is not name.startswith("cpu")


def test_a_specification_is_no_measurement(hostd: Callable[..., Ran]) -> None:
    """Where a preset's figures were not measured, that is said."""
    assert "from its specification, not measured: https://" in hostd("inventory", "--host", "rtx 5080").out
    assert "not measured" not in hostd("inventory", "--host", "rtx4090").out


def test_an_unknown_machine_is_a_wrong_use(hostd: Callable[..., Ran]) -> None:
    """Exit code 2 and the nearest name."""
    ran = hostd("inventory", "--host", "3xh10")
    assert (2, "") == (ran.code, ran.out)
    assert "did you mean '3xh100'?" in ran.err


def test_a_file_with_nonsense_is_bad_configuration(hostd: Callable[..., Ran], bare_home: Path) -> None:
    """Exit code 78 and every problem with its place."""
    (bare_home / "box.yaml").write_text("host: {os: a, cpu: b, ram_bytes: -1}\npools: []\n")
    ran = hostd("inventory", "--host", str(bare_home / "box.yaml"))
    assert (78, 2) == (ran.code, len(ran.err.splitlines()))


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (PoolShare(0, 0, 100, 0), "[..........]"),
        (PoolShare(50, 30, 10, 10), "[=====###./]"),
        (PoolShare(1, 1, 1000, 1), "[=#......./]"),
        (PoolShare(0, 0, 0, 0), "[          ]"),
        (PoolShare(1, 0, 0, 10**12), "[=/////////]"),
    ],
)
def test_bars(share: PoolShare, drawn: str) -> None:
    """In proportion, and what is little is still seen."""
    assert drawn == bar(share, 12)


def test_shares_sum_to_the_whole() -> None:
    """Main memory counts what engines hold for themselves; more than is used is not believed."""
    pool = Pool("ram", PoolKind.RAM, "Main memory", 100, 40, 90)
    assert PoolShare(20, 40, 40, 0) == pool_share(pool, {1: 30, 2: 10})
    assert PoolShare(0, 60, 30, 10) == pool_share(pool, {1: 1000})
    assert PoolShare(60, 0, 40, 0) == pool_share(pool, {})


def test_the_usual_reserve_is_that_of_the_files() -> None:
    """The numbers that the documentation promises."""
    assert (1 * GIB, 6 * GIB, 4 * GIB) == (Reserve().vram, Reserve().unified, Reserve().ram)
