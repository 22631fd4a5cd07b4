"""Every kind of reference leads to a header."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.errors import HubUnreachable
from hostd.models.header import Format, ModelHeader
from hostd.models.open import open_header, shipped_header, shipped_profiles
from hostd.models.reference import HubReference, ProfileReference, parse_reference
from tests.models import weights
from tests.models.hub import REPO, Hub


def opened(text: str, hub: Hub, tmp_path: Path) -> ModelHeader:
    """Return the header of what *text* names."""
    reference = parse_reference(text)
    assert not isinstance(reference, ProfileReference)
    return open_header(reference, hub.locations(tmp_path))


def test_one_model_has_one_shape_wherever_it_is(hub: Hub, tmp_path: Path) -> None:
    """A file, the hub and the registry give the same numbers for the same bytes."""
    content = weights.gguf(vocabulary=5000)
    hub.files["m.gguf"] = content
    hub.add_model("m", "latest", model=content)
    (tmp_path / "m.gguf").write_bytes(content)
    headers = [opened(text, hub, tmp_path) for text in (str(tmp_path / "m.gguf"), f"hf:{REPO}/m.gguf", "ollama:m")]
    assert headers[0].shape == headers[1].shape == headers[2].shape
    assert [0, 1, 1] == [header.ranges for header in headers]


def test_opening_a_model_needs_no_large_library() -> None:
    """A verb that answers at once cannot wait for a web framework to be imported."""
    code = (
        "import sys, hostd.models.open; print(*sorted({'aiohttp', 'pydantic', 'asyncio', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()


def test_shipped_numbers_stand_in_for_a_hub_that_cannot_be_asked(hub: Hub, tmp_path: Path) -> None:
    """A model of the shipped profiles can be planned without a network, and its source says what was used; no other can."""
    offline = replace(hub.locations(tmp_path), offline=True)
    known = json.loads(next(iter(sorted(shipped_profiles().glob("shapes/*.json")))).read_text("utf-8"))
    header = open_header(HubReference(known["hf"], known["file"]), offline)
    assert ("the numbers that ship with hostd", 0) == (header.source, header.ranges)
    assert header.shape.layers
    with pytest.raises(HubUnreachable):
        open_header(HubReference("nobody/knows", "this.gguf"), offline)


def test_the_shipped_profiles_are_where_they_are_looked_for() -> None:
    """Beside the package in a checkout, inside it where it is installed."""
    assert (shipped_profiles() / "qwen3.5-9b.yaml").is_file()


def test_inside_the_package_they_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the wheel lays them out."""
    (tmp_path / "model_profiles").mkdir()
    monkeypatch.setattr("hostd.models.open._PACKAGE", tmp_path)
    assert tmp_path / "model_profiles" == shipped_profiles()


def test_a_shipped_model_is_known_by_its_file() -> None:
    """Whatever its profile is called: the shape, the size, and where both are from."""
    header = shipped_header("unsloth/Qwen3.5-9B-GGUF", "Qwen3.5-9B-Q4_K_M.gguf")
    assert header is not None
    assert (Format.GGUF, None, 32, 5_680_000_000) == (
        header.format,
        header.path,
        len(header.shape.layers),
        header.total_bytes,
    )
    assert "that ship with hostd" in header.notes[0]


def test_another_quantisation_is_not_known() -> None:
    """Its numbers would be wrong."""
    assert None is shipped_header("unsloth/Qwen3.5-9B-GGUF", "Qwen3.5-9B-Q8_0.gguf")


def test_every_set_of_numbers_can_be_read(tmp_path: Path) -> None:
    """Each is found by the repository and the file that it names; an empty folder has none."""
    for path in (shipped_profiles() / "shapes").glob("*.json"):
        document = json.loads(path.read_text("utf-8"))
        header = shipped_header(document["hf"], document["file"])
        assert header is not None
        assert path.stem == header.name
    assert None is shipped_header("a/b", "c.gguf", tmp_path)
