"""Files that describe a machine."""

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostd.config.machine_file import read_machine
from hostd.domain.errors import ConfigError
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.hardware.inventory import inventory
from hostd.hardware.simulated import PRESETS, preset

GOOD = """\
host: {os: Linux, cpu: A Processor, ram_bytes: 64GiB}
pools:
- {id: cuda:0, kind: vram, name: A Card, total_bytes: 25769803776, free_bytes: 24GiB, budget_bytes: 23GiB}
- {id: ram, kind: ram, name: Main memory, total_bytes: 64GiB, free_bytes: 0, budget_bytes: 60GiB}
"""
GIB = 2**30
CARD = "- {id: cuda:0, kind: vram, name: x, total_bytes: 4, free_bytes: 4, budget_bytes: 4}\n"
HEAD = "host: {os: a, cpu: b, ram_bytes: 1}\npools:\n"


def problems(folder: Path, text: str) -> list[str]:
    """Return what is wrong with *text*, without the file's name."""
    file = folder / "machine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_machine(file)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def test_a_file_becomes_a_host(tmp_path: Path) -> None:
    """Bytes are whole numbers, or sizes with a unit."""
    (tmp_path / "m.yaml").write_text(GOOD)
    pools = (
        Pool("cuda:0", PoolKind.VRAM, "A Card", 24 * GIB, 24 * GIB, 23 * GIB),
        Pool("ram", PoolKind.RAM, "Main memory", 64 * GIB, 0, 60 * GIB),
    )
    assert Host("Linux", "A Processor", 64 * GIB, pools) == read_machine(tmp_path / "m.yaml")


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_printed_is_read_back(tmp_path: Path, name: str) -> None:
    """The JSON of an inventory is such a file."""
    printed = inventory(preset(name, Reserve()))
    (tmp_path / "m.json").write_text(json.dumps(printed, indent=2))
    assert printed == inventory(read_machine(tmp_path / "m.json"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", ["1:1: the file must hold keys and values, not a list"]),
        ("", ["1:1: the key 'host' is missing", "1:1: the key 'pools' is missing"]),
        (HEAD.replace("pools:", "pools: []"), ["2:8: pools: the list is empty; write at least one item"]),
        (HEAD.replace("pools:", "pools: 7"), ["2:8: pools: expected a list, such as [one, two], not 7"]),
        (HEAD + "- 7\n", ["3:3: pools[0]: expected a mapping, not 7"]),
        (
            HEAD + CARD.replace("vram", "disk"),
            ["3:22: pools[0].kind: 'disk' is not one of the values here; choose from "],
        ),
        (
            HEAD + CARD.replace("cuda:0", "gpu0"),
            ["3:8: pools[0].id: 'gpu0' is no pool; pools are called cuda:0, rocm:0"],
        ),
        (HEAD + CARD.replace("kind: vram, ", ""), ["3:3: pools[0]: the key 'kind' is missing"]),
        (
            HEAD + CARD.replace("name", "nmae"),
            ["3:3: pools[0]: the key 'name' is missing", "3:28: unknown key 'nmae'; did"],
        ),
        (HEAD + CARD.replace("total_bytes: 4", "total_bytes: -4"), ["3:50: pools[0].total_bytes: -4 is out of range"]),
        (
            HEAD + CARD.replace("total_bytes: 4", "total_bytes: 4.5"),
            ["3:50: pools[0].total_bytes: 4.5 is no whole number"],
        ),
        (
            HEAD + CARD.replace("total_bytes: 4", "total_bytes: true"),
            ["3:50: pools[0].total_bytes: true is no whole n"],
        ),
        (
            HEAD + CARD.replace("total_bytes: 4", "total_bytes: lots"),
            ["3:50: pools[0].total_bytes: 'lots' is not a size"],
        ),
        (
            HEAD + CARD.replace("total_bytes: 4", "total_bytes: 9000TiB"),
            ["3:50: pools[0].total_bytes: '9000TiB' is out"],
        ),
        (
            HEAD + CARD.replace("free_bytes: 4", "free_bytes: 5"),
            ["3:65: free_bytes: more is free (5) than there is in "],
        ),
        (
            HEAD + CARD.replace("budget_bytes: 4", "budget_bytes: 5"),
            ["3:82: budget_bytes: more is for models (5) than"],
        ),
        (HEAD + CARD + CARD, ["4:8: the pool 'cuda:0' is there twice; the first is on line 3"]),
        (HEAD + CARD.replace("cuda:0", "metal"), ["3:21: the pool 'metal' is of kind unified, not vram"]),
        ("host: {os: a", ["2:1: this is no valid YAML"]),
        ("[" * 40 + "]" * 40, ["1:34: this nests more than 32 levels deep"]),
    ],
)
def test_nonsense_is_explained(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Each mistake has its place and its reason."""
    found = problems(tmp_path, text)
    assert expected == [line[: len(begin)] for begin, line in zip(expected, found, strict=True)]


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """One reading reports all mistakes, contradictions between valid values included."""
    text = HEAD.replace("cpu: b", "cpu: 7") + CARD.replace("kind: vram", "kind: ram").replace(
        "free_bytes: 4", "free_bytes: 9"
    )
    assert ["1:20", "3:22", "3:64"] == [line[:4] for line in problems(tmp_path, text)]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The error is a problem of that file."""
    with pytest.raises(ConfigError, match=f"this file cannot be read: {os.strerror(errno.ENOENT)}; correct its name"):
        read_machine(tmp_path / "none.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["host", "pools", "id", "kind", "name", "total_bytes", "free_bytes", "os"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_refused_without_a_crash(tmp_path: Path, data: object) -> None:
    """Whatever the file holds, there are problems with places and nothing else."""
    (tmp_path / "m.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError) as caught:
        read_machine(tmp_path / "m.json")
    assert caught.value.problems
