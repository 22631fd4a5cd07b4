"""Installed files are compared with every checksum that is known, and what has none is said to be unchecked."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.download.pull import carry_out
from hostd.models.errors import ModelUnreadable
from hostd.models.locations import ModelLocations
from hostd.models.reference import FileReference, HubReference, OllamaReference
from hostd.models.verify import CheckedModel, Integrity, Reference, check, find_installation
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub
from tests.models.pulling import CONTENT, FILE, Recorder, ordered, stores

MODEL = weights.gguf() + CONTENT
HOME = f"models--{REPO.replace('/', '--')}"
M = HubReference(REPO, "m.gguf")


def pulled(hub: Hub, tmp_path: Path, text: str) -> ModelLocations:
    """Pull what *text* names, and return the locations where it is now."""
    locations = stores(hub, tmp_path)
    carry_out(ordered(text, locations), locations, Recorder())
    return locations


def checked(reference: Reference, locations: ModelLocations) -> CheckedModel:
    """Check what is here of *reference*; every byte of it is told."""
    model, recorder = find_installation(reference, locations), Recorder()
    assert model is not None
    found = check(model, recorder.moved)
    assert sum(file.bytes for file in model.files) == recorder.count
    return found


def spoil(path: Path) -> None:
    """Change one byte in the middle of the file that *path* leads to."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.resolve().write_bytes(content)


def test_what_was_pulled_is_right(hub: Hub, tmp_path: Path) -> None:
    """With the hub and without it: the names of the blobs say as much as its list does."""
    hub.files = weights.checkpoint_files(2) | {"tokenizer.json": b"{}"}
    locations = pulled(hub, tmp_path, f"hf:{REPO}")
    for where in (locations, replace(locations, offline=True, headers=tmp_path / "none")):
        found = checked(HubReference(REPO), where)
        assert Integrity.RIGHT is found.verdict
        assert {*hub.files} == {each.file.name for each in found.files}
        assert {Integrity.RIGHT} == {each.verdict for each in found.files}
    assert "not compared with the hub's own list" in found.notes[0]


@pytest.mark.parametrize("offline", [True, False])
def test_a_byte_that_changed_is_found(hub: Hub, tmp_path: Path, offline: bool) -> None:
    """R18: models are code to their engines, so that what was changed must show.

    In the weights and in the texts beside them; the sentence names the file.
    """
    hub.files = weights.checkpoint_files(2)
    locations = replace(pulled(hub, tmp_path, f"hf:{REPO}"), offline=offline)
    for name in ("model-00002-of-00002.safetensors", "config.json"):
        path = locations.hub_cache / HOME / "snapshots" / COMMIT / name
        before = path.read_bytes()
        spoil(path)
        found = checked(HubReference(REPO), locations)
        assert (Integrity.DAMAGED, True) == (found.verdict, found.why.startswith(f"{name}: its content has another"))
        assert [name] == [each.file.name for each in found.files if each.verdict is Integrity.DAMAGED]
        path.resolve().write_bytes(before)
    assert Integrity.RIGHT is checked(HubReference(REPO), locations).verdict


def test_a_file_that_is_cut_off_is_found(hub: Hub, tmp_path: Path) -> None:
    """By its size where the hub tells that, else by its checksum."""
    hub.files["m.gguf"] = MODEL
    locations = pulled(hub, tmp_path, FILE)
    (locations.hub_cache / HOME / "snapshots" / COMMIT / "m.gguf").resolve().write_bytes(MODEL[:-1])
    assert f"it has {len(MODEL) - 1} bytes and should have {len(MODEL)}" in checked(M, locations).why
    offline = replace(locations, offline=True, headers=tmp_path / "none")
    assert "another checksum" in checked(M, offline).why


def test_a_file_under_the_name_of_its_own_content_is_not_the_hubs(hub: Hub, tmp_path: Path) -> None:
    """Whoever exchanges a file may exchange its name too; the hub's list tells."""
    hub.files["m.gguf"] = MODEL
    locations = pulled(hub, tmp_path, FILE)
    other = MODEL[:-1] + b"x"
    blob = locations.hub_cache / HOME / "blobs" / hashlib.sha256(other).hexdigest()
    blob.write_bytes(other)
    shown = locations.hub_cache / HOME / "snapshots" / COMMIT / "m.gguf"
    shown.unlink()
    shown.symlink_to(blob)
    assert Integrity.RIGHT is checked(M, replace(locations, offline=True, headers=tmp_path / "none")).verdict
    assert Integrity.DAMAGED is checked(M, locations).verdict


def test_what_no_checksum_is_known_of_is_said(hub: Hub, tmp_path: Path) -> None:
    """A cache on a disk without links has copies under plain names, and a hub may list nothing."""
    hub.files["m.gguf"] = MODEL
    locations = pulled(hub, tmp_path, FILE)
    shown = locations.hub_cache / HOME / "snapshots" / COMMIT / "m.gguf"
    blob = shown.resolve()
    shown.unlink()
    blob.rename(shown)
    assert Integrity.RIGHT is checked(M, locations).verdict
    offline = replace(locations, offline=True, headers=tmp_path / "none")
    found = checked(M, offline)
    assert (Integrity.UNCHECKED, True) == (found.verdict, "no checksum is known of m.gguf" in found.why)
    # Then the structure is all there is to go by.
    shown.write_bytes(MODEL[: len(weights.gguf()) - 50])
    assert Integrity.DAMAGED is checked(M, offline).verdict
    shown.write_bytes(b"nothing of the kind")
    assert Integrity.DAMAGED is checked(M, offline).verdict


def test_the_name_of_a_pointer_is_no_checksum(hub: Hub, tmp_path: Path) -> None:
    """A mirror may call a large file after what git keeps in its place; that does not make it damaged."""
    hub.files["m.gguf"] = MODEL
    locations = pulled(hub, tmp_path, FILE)
    shown = locations.hub_cache / HOME / "snapshots" / COMMIT / "m.gguf"
    blob = shown.resolve()
    shown.unlink()
    shown.symlink_to(blob.rename(blob.with_name("a" * 40)))
    assert Integrity.UNCHECKED is checked(M, replace(locations, offline=True, headers=tmp_path / "none")).verdict
    assert Integrity.RIGHT is checked(M, locations).verdict


def test_a_kind_of_file_that_is_too_new_is_not_damaged(hub: Hub, tmp_path: Path) -> None:
    """Its checksum is right, so it is as its maker has it; that its structure is not known here is said."""
    hub.files["m.gguf"] = b"GGUF" + (77).to_bytes(4, "little") + MODEL[8:]
    found = checked(M, pulled(hub, tmp_path, FILE))
    assert (Integrity.RIGHT, True) == (found.verdict, "its structure was not checked" in found.why)


def test_a_split_model_and_its_projector_are_checked_whole(hub: Hub, tmp_path: Path) -> None:
    """Every part, and the tower that came along."""
    parts = [f"m-0000{part}-of-00002.gguf" for part in (1, 2)]
    hub.files = dict(zip(parts, weights.split_gguf(2), strict=True)) | {
        "mmproj.gguf": weights.gguf(architecture="clip")
    }
    locations = pulled(hub, tmp_path, f"hf:{REPO}")
    reference = HubReference(REPO, parts[0])
    assert {*hub.files} == {each.file.name for each in checked(reference, locations).files}
    spoil(locations.hub_cache / HOME / "snapshots" / COMMIT / "mmproj.gguf")
    assert "mmproj.gguf" in checked(reference, locations).why


def test_a_tag_is_checked_by_its_manifest(hub: Hub, tmp_path: Path) -> None:
    """All blobs, the small ones too; a missing one and one that is too short are damage, not absence."""
    hub.add_model("q", "9b", model=MODEL, template=b"hello")
    locations = pulled(hub, tmp_path, "ollama:q:9b")
    reference = OllamaReference("q", "9b")
    assert Integrity.RIGHT is checked(reference, locations).verdict
    blobs = tmp_path / "ollama/blobs"
    for content in (MODEL, b"hello"):
        path = blobs / f"sha256-{hashlib.sha256(content).hexdigest()}"
        spoil(path)
        assert Integrity.DAMAGED is checked(reference, locations).verdict
        path.write_bytes(content[:-1])
        assert f"should have {len(content)}" in checked(reference, locations).why
        path.unlink()
        assert "it is missing" in checked(reference, locations).why
        path.write_bytes(content)
    assert Integrity.RIGHT is checked(reference, replace(locations, offline=True)).verdict


def test_a_manifest_that_is_not_the_registrys_is_told(hub: Hub, tmp_path: Path) -> None:
    """A tag moves on, so that is no damage; a registry that is not asked is told as well."""
    hub.add_model("q", "9b", model=MODEL)
    locations = pulled(hub, tmp_path, "ollama:q:9b")
    hub.add_model("q", "9b", model=MODEL[::-1])
    found = checked(OllamaReference("q", "9b"), locations)
    assert (Integrity.RIGHT, True) == (found.verdict, "another version" in found.notes[0])
    hub.manifests.clear()
    assert "was not compared" in checked(OllamaReference("q", "9b"), locations).notes[0]


def test_files_elsewhere_have_their_structure(tmp_path: Path) -> None:
    """A file, all its parts, or a folder; a link into a cache has the checksum of its blob."""
    locations = ModelLocations(headers=tmp_path / "h", hub_cache=tmp_path / "hub")
    (tmp_path / "m.gguf").write_bytes(MODEL)
    assert Integrity.UNCHECKED is checked(FileReference(tmp_path / "m.gguf"), locations).verdict
    (tmp_path / "m.gguf").write_bytes(weights.gguf()[:-50])
    assert Integrity.DAMAGED is checked(FileReference(tmp_path / "m.gguf"), locations).verdict
    names = [tmp_path / f"s-0000{part}-of-00002.gguf" for part in (1, 2)]
    for path, part in zip(names, weights.split_gguf(2), strict=True):
        path.write_bytes(part)
    assert 2 == len(checked(FileReference(names[0]), locations).files)
    names[1].unlink()
    assert Integrity.DAMAGED is checked(FileReference(names[0]), locations).verdict
    folder = weights.checkpoint(tmp_path / "folder", 2)
    assert Integrity.UNCHECKED is checked(FileReference(folder), locations).verdict
    blob = tmp_path / f"sha256-{hashlib.sha256(MODEL).hexdigest()}"
    blob.write_bytes(MODEL)
    (tmp_path / "link.gguf").symlink_to(blob)
    assert Integrity.RIGHT is checked(FileReference(tmp_path / "link.gguf"), locations).verdict


def test_what_is_not_here_is_not_checked(hub: Hub, tmp_path: Path) -> None:
    """Neither a model of a hub nor a file; a manifest that is none is an error."""
    locations = stores(hub, tmp_path)
    for reference in (M, OllamaReference("q", "9b"), FileReference(tmp_path / "none.gguf")):
        assert find_installation(reference, locations) is None
    assert [] == hub.seen
    path = tmp_path / "ollama/manifests/registry.ollama.ai/library/q/9b"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({}))
    with pytest.raises(ModelUnreadable, match="is no manifest"):
        find_installation(OllamaReference("q", "9b"), locations)
