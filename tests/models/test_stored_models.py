"""What is stored of models that hubs have, told without opening it."""

from pathlib import Path

import pytest

from hostd.models.header_store import CachedHeader, HeaderStore
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, OllamaReference
from hostd.models.stored_models import (
    file_address,
    is_stored,
    list_addresses,
    manifest_address,
    manifest_path,
    registry_url,
)

COMMIT = "a" * 40
FILE, WHOLE, TAG = HubReference("o/m", "q/m.gguf"), HubReference("o/m"), OllamaReference("m", "9b")


@pytest.fixture
def places(tmp_path: Path) -> ModelLocations:
    """A machine with stores that are empty."""
    return ModelLocations(tmp_path / "headers", tmp_path / "hub", (tmp_path / "ollama",), hub="https://h")


def test_nothing_is_stored_at_first(places: ModelLocations) -> None:
    """Not even folders."""
    assert not any(is_stored(each, places) for each in (FILE, WHOLE, TAG))


def test_a_snapshot_is_stored(places: ModelLocations) -> None:
    """Whatever it holds; reading it tells."""
    home = places.hub_cache / "models--o--m"
    (home / "snapshots" / COMMIT).mkdir(parents=True)
    assert not is_stored(FILE, places)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    assert is_stored(FILE, places)
    assert is_stored(HubReference("o/m", revision=COMMIT), places)


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        (FILE, file_address("https://h", "o/m", "main", "q/m.gguf")),
        (WHOLE, list_addresses("https://h", "o/m", "main")[0]),
        (WHOLE, list_addresses("https://h", "o/m", "main")[1]),
        (TAG, "https://registry.ollama.ai/v2/library/m/manifests/9b"),
    ],
)
def test_what_was_fetched_once_is_stored(
    places: ModelLocations, reference: HubReference | OllamaReference, address: str
) -> None:
    """Under the address that it was fetched from, which is the one that a reading asks first."""
    HeaderStore(places.headers).put(CachedHeader(address, "", 1, b"x"))
    assert is_stored(reference, places)
    assert not is_stored(HubReference("o/other"), places)


def test_a_tag_is_stored_by_its_manifest(places: ModelLocations) -> None:
    """In any of Ollama's stores."""
    path = manifest_path(places.ollama_stores[0], TAG)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert is_stored(TAG, places)
    assert manifest_address(TAG, registry_url(TAG, places)).endswith("/v2/library/m/manifests/9b")
