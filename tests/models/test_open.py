"""Every kind of reference leads to a header."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.errors import HubUnreachable
from hostd.models.header import ModelHeader
from hostd.models.open import open_header
from hostd.models.reference import HubReference, ProfileReference, parse_reference
from hostd.models.shipped import shipped_profiles
from tests.models import weights
from tests.models.hub import REPO, Hub


def opened(text: str, hub: Hub, tmp_path: Path) -> ModelHeader:
    """Return the header of what *text* names."""
    reference = parse_reference(text)
    assert not isinstance(reference, ProfileReference)
    return open_header(reference, hub.places(tmp_path))


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
    offline = replace(hub.places(tmp_path), offline=True)
    known = json.loads(next(iter(sorted(shipped_profiles().glob("shapes/*.json")))).read_text("utf-8"))
    header = open_header(HubReference(known["hf"], known["file"]), offline)
    assert ("the numbers that ship with hostd", 0) == (header.source, header.ranges)
    assert header.shape.layers
    with pytest.raises(HubUnreachable):
        open_header(HubReference("nobody/knows", "this.gguf"), offline)
