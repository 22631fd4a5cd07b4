"""Which machine a verb is about."""

import json
from pathlib import Path

import pytest

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import daemon_memory, find_machine, owners_reserve
from hostd.domain.errors import ConfigError
from hostd.domain.host import Reserve
from hostd.hardware.inventory import inventory
from hostd.hardware.simulated import preset
from tests.cli.recorded import Daemon, planning_answer

GIB = 2**30


def test_this_one() -> None:
    """Without a name it is measured."""
    assert find_machine(None, Reserve()).ram_bytes > 0


def test_one_that_one_might_buy() -> None:
    """By its name, with the owner's reserve."""
    assert preset("rtx4090", Reserve(vram=0)) == find_machine("rtx4090", Reserve(vram=0))


def test_one_in_a_file(tmp_path: Path) -> None:
    """As inventory --json prints it; its budgets are its own."""
    file = tmp_path / "box.json"
    file.write_text(json.dumps(inventory(preset("2xrtx3090", Reserve()))))
    assert inventory(preset("2xrtx3090", Reserve())) == inventory(find_machine(str(file), Reserve(vram=9 * GIB)))


def test_a_file_with_nonsense(tmp_path: Path) -> None:
    """Every problem is told."""
    (tmp_path / "box.yaml").write_text("host: 7\npools: []\n")
    with pytest.raises(ConfigError) as caught:
        find_machine(str(tmp_path / "box.yaml"), Reserve())
    assert 2 == len(caught.value.problems)


def test_neither() -> None:
    """The nearest name is told, and the command line is to blame."""
    with pytest.raises(
        VerbError, match=r"'rtx409' is neither a file nor a known machine; did you mean 'rtx4090'\?"
    ) as caught:
        find_machine("rtx409", Reserve())
    assert Code.USAGE == caught.value.code


def test_the_owners_reserve(bare_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the files; the usual one when they have problems, which is said."""
    file = bare_home / "config" / "hostd" / "hostd.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("memory: {reserve: {vram: 3GiB}}\n")
    assert Reserve(vram=3 * GIB) == owners_reserve()
    file.write_text("memory: 7\n")
    assert Reserve() == owners_reserve()
    assert "see: hostd config check" in capsys.readouterr().err


def test_the_memory_of_the_running_daemon(daemon: Daemon) -> None:
    """As it tells it."""
    host = preset("rtx4090", Reserve())
    daemon.on("GET /hostd/v1/plan", planning_answer(host, {"cuda:0": GIB}, held={"a": {"cuda:0": 20 * GIB}}))
    found = daemon_memory(daemon.url)
    assert found
    assert (host, {"cuda:0": GIB}, ["a"]) == (found.host, found.free, [each.name for each in found.candidates])


@pytest.mark.parametrize("told", ["not json", {}, {"pools": 3}, {"pools": [], "held": {}}, []])
def test_an_answer_that_makes_no_sense_is_no_daemon(daemon: Daemon, told: object) -> None:
    """A plan does without it."""
    daemon.on("GET /hostd/v1/plan", told)
    assert daemon_memory(daemon.url) is None


def test_no_daemon_is_fine(tmp_path: Path) -> None:
    """Nothing is loaded then; but a wrong address is a wrong use."""
    assert daemon_memory(f"unix:{tmp_path / 'nothing.sock'}") is None
    with pytest.raises(VerbError) as raised:
        daemon_memory("http://:x")
    assert Code.USAGE == raised.value.code
