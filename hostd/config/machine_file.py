"""Machine files, in the format of `hostd inventory --json`, so that a plan can be made for another machine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hostd.config import field_types, validators
from hostd.config.document import Document
from hostd.config.field_types import FieldType
from hostd.config.section import Section
from hostd.config.validators import InvalidValue, shown
from hostd.config.yaml_positions import ConfigIssue, YamlMapping, YamlSequence
from hostd.domain.errors import ConfigError
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.units import parse_size

_LARGEST = 2**50
_ID = re.compile(r"(cuda|rocm):[0-9]{1,3}(:mig[0-9]{1,2})?|metal|ram")
_KINDS = {"cuda": PoolKind.VRAM, "rocm": PoolKind.VRAM, "metal": PoolKind.UNIFIED, "ram": PoolKind.RAM}


def _bytes(value: object) -> int:
    """Return *value* as bytes: a whole number, or text such as ``24GiB``."""
    count = parse_size(validators.text(value)) if isinstance(value, str) else value
    if not isinstance(count, int) or isinstance(count, bool):
        raise InvalidValue(f"{shown(value)} is no whole number of bytes")
    if not 0 <= count <= _LARGEST:
        raise InvalidValue(f"{shown(value)} is out of range; write bytes, from 0 to {_LARGEST}")
    return count


_id = validators.matching(_ID, "no pool; pools are called cuda:0, rocm:0, metal, ram")

Bytes = Annotated[int, FieldType(_bytes, {"type": "integer", "minimum": 0, "maximum": _LARGEST})]
PoolId = Annotated[str, FieldType(_id, {"type": "string", "pattern": f"^({_ID.pattern})$"})]
PoolSort = Annotated[PoolKind, FieldType(validators.one_of(PoolKind), {"type": "string", "enum": list(PoolKind)})]


class MachineSection(Section):
    """The machine as a whole."""

    os: field_types.Text = Field(description="The operating system.")
    cpu: field_types.Text = Field(description="The processor.")
    ram_bytes: Bytes = Field(description="All main memory.")


class PoolEntry(Section):
    """One pool of memory with one budget."""

    id: PoolId = Field(description="cuda:0, rocm:0, metal, ram.")
    kind: PoolSort = Field(description="What sort of memory it is.")
    name: field_types.Text = Field(description="The product.")
    total_bytes: Bytes = Field(description="All there is.")
    free_bytes: Bytes = Field(description="Bytes that no program holds.")
    budget_bytes: Bytes = Field(description="What models may hold in all.")


class MachineFile(Section):
    """A machine."""

    host: MachineSection = Field(description="The machine as a whole.")
    pools: list[PoolEntry] = Field(min_length=1, description="Its memory.")


def read_machine(path: Path) -> Host:
    """Return the machine in the file at *path* (JSON or YAML).

    Raises:
        ConfigError: The file has mistakes; the error has all problems, each with its position.
    """
    file = Document(path, {})
    checked = file.checked(MachineFile)
    file.issues += _contradictions(file.root.get("pools"))
    if checked is None or file.problems:
        raise ConfigError(tuple(file.problems))
    machine = checked.host
    return Host(machine.os, machine.cpu, machine.ram_bytes, tuple(_pool(entry) for entry in checked.pools))


def _pool(entry: PoolEntry) -> Pool:
    return Pool(
        id=entry.id,
        kind=entry.kind,
        name=entry.name,
        total=entry.total_bytes,
        free=entry.free_bytes,
        budget=entry.budget_bytes,
    )


def _contradictions(pools: Any) -> Iterator[ConfigIssue]:
    """Yield contradictions between valid values; invalid ones are reported by the validation of the section."""
    seen: dict[str, int] = {}
    for pool in pools if isinstance(pools, YamlSequence) else ():
        if not isinstance(pool, YamlMapping):
            continue
        yield from _too_much(pool)
        pool_id = pool.get("id")
        if not isinstance(pool_id, str) or not _ID.fullmatch(pool_id):
            continue
        at = pool.values_at["id"]
        if pool_id in seen:
            yield ConfigIssue(f"the pool '{pool_id}' is there twice; the first is on line {seen[pool_id]}", at)
        seen.setdefault(pool_id, at.line)
        fitting = _KINDS[pool_id.partition(":")[0]]
        # A card may use the system's memory: GB10, Jetson, a processor's own graphics.
        allowed = {fitting, PoolKind.UNIFIED} if fitting is PoolKind.VRAM else {fitting}
        if pool.get("kind") in set(PoolKind) - allowed:
            message = f"the pool '{pool_id}' is of kind {fitting}, not {pool['kind']}"
            yield ConfigIssue(message, pool.values_at["kind"])


def _too_much(pool: YamlMapping) -> Iterator[ConfigIssue]:
    total = _count(pool.get("total_bytes"))
    for key, meaning in (("free_bytes", "free"), ("budget_bytes", "for models")):
        count = _count(pool.get(key))
        if total is not None and count is not None and count > total:
            message = f"{key}: more is {meaning} ({count}) than there is in all (total_bytes: {total})"
            yield ConfigIssue(message, pool.values_at[key])


def _count(value: object) -> int | None:
    try:
        return _bytes(value)
    except ValueError:
        return None
