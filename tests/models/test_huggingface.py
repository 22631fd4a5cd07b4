"""Hugging Face's models are found in the cache, or read at the hub in few pieces."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header import Format, ModelHeader
from hostd.models.huggingface import HubRepository, ListedFile, hub_credential, open_hub
from hostd.models.locations import ModelLocations
from hostd.models.reference import HubReference, parse_reference
from hostd.models.remote_headers import RemoteHeaders
from hostd.models.stored_models import cached_snapshot
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub


def open_text(text: str, locations: ModelLocations) -> ModelHeader:
    """Return the header of what *text* names."""
    reference = parse_reference(text)
    assert isinstance(reference, HubReference)
    return open_hub(reference, locations)


def cache(locations: ModelLocations, files: dict[str, bytes], *, ref: str = "main") -> Path:
    """Put files into the cache as its programs lay them out: links to blobs."""
    home = locations.hub_cache / f"models--{REPO.replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    for folder in (snapshot, home / "blobs", (home / "refs" / ref).parent):
        folder.mkdir(parents=True, exist_ok=True)
    (home / "refs" / ref).write_text(COMMIT)
    for name, content in files.items():
        (home / "blobs" / name).write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    return snapshot


def test_a_named_file_costs_one_piece_and_no_list(hub: Hub, tmp_path: Path) -> None:
    """The file's name is enough: two requests, one to the hub and one to its store."""
    hub.files["m.gguf"] = weights.gguf(vocabulary=32_000)
    header = open_text(f"hf:{REPO}/m.gguf", hub.locations(tmp_path))
    assert ("m", 1, 2, None) == (header.name, header.ranges, len(hub.seen), header.path)
    assert len(hub.files["m.gguf"]) == header.total_bytes
    assert f"Hugging Face, {REPO}@main, m.gguf" == header.source


def test_a_repository_is_listed_and_pinned(hub: Hub, tmp_path: Path) -> None:
    """The list names the commit, and everything after it is read at that commit."""
    hub.files = {name: weights.gguf() for name in ("m-Q8_0.gguf", "m-Q4_K_M.gguf")}
    hub.files["mmproj-F16.gguf"] = weights.gguf(architecture="clip", vocabulary=0)
    header = open_text(f"hf:{REPO}", hub.locations(tmp_path))
    assert ("m-Q4_K_M", 2, True) == (header.name, header.ranges, header.projector is not None)
    assert all(COMMIT in path for _, path, _ in hub.seen if "/resolve/" in path)
    assert 1 == len(header.notes)


def test_a_mirror_with_the_other_route_is_understood(hub: Hub, tmp_path: Path) -> None:
    """Some have only the tree."""
    hub.files["m.gguf"] = weights.gguf()
    hub.faults["/revision/"] = "status 404"
    assert "m" == open_text(f"hf:{REPO}@dev", hub.locations(tmp_path)).name
    assert f"/api/models/{REPO}/tree/dev?recursive=true" in [path for _, path, _ in hub.seen]


@pytest.mark.parametrize("shards", [1, 3])
def test_a_checkpoint_is_read_by_its_configuration_and_headers(hub: Hub, tmp_path: Path, shards: int) -> None:
    """One piece for each file of weights."""
    hub.files = weights.checkpoint_files(shards)
    header = open_text(f"hf:{REPO}", hub.locations(tmp_path))
    assert (REPO, Format.SAFETENSORS, shards) == (header.name, header.format, header.ranges)
    assert sum(len(data) for name, data in hub.files.items() if name.endswith(".safetensors")) == header.total_bytes


def test_a_split_model_needs_no_list(hub: Hub, tmp_path: Path) -> None:
    """The names of the parts follow from one of them."""
    names = [f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    hub.files = dict(zip(names, weights.split_gguf(2), strict=True))
    header = open_text(f"hf:{REPO}/{names[1]}", hub.locations(tmp_path))
    assert (names, 2) == ([file.name for file in header.files], header.ranges)


def test_the_second_time_only_the_list_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    """Headers and configurations at a commit are kept."""
    hub.files = weights.checkpoint_files(2)
    first = open_text(f"hf:{REPO}", hub.locations(tmp_path))
    hub.seen.clear()
    again = open_text(f"hf:{REPO}", hub.locations(tmp_path))
    assert (first.shape, 0, 1) == (again.shape, again.ranges, len(hub.seen))


def test_a_model_that_was_asked_for_once_can_be_planned_offline(hub: Hub, tmp_path: Path) -> None:
    """Its last known state is used, and that is said."""
    hub.files["m.gguf"] = weights.gguf()
    locations = hub.locations(tmp_path)
    first = open_text(f"hf:{REPO}", locations)
    again = open_text(f"hf:{REPO}", replace(locations, offline=True))
    assert (first.shape, True) == (again.shape, "last time" in again.notes[0])
    with pytest.raises(HubUnreachable):
        open_text("hf:owner/other", replace(locations, offline=True))


def test_the_token_goes_to_the_hub_only(hub: Hub, tmp_path: Path) -> None:
    """The store that the hub redirects to, on another origin, never sees it."""
    hub.files["m.gguf"] = weights.gguf()
    open_text(f"hf:{REPO}", hub.locations(tmp_path))
    told = {path.startswith("/store"): headers.get("authorization") for _, path, headers in hub.seen}
    assert {False: "Bearer hf_secret", True: None} == told


def test_what_is_in_the_cache_is_read_there(hub: Hub, tmp_path: Path) -> None:
    """A revision's files are found by its name; the hub is not asked."""
    locations = hub.locations(tmp_path)
    snapshot = cache(locations, {"m.gguf": weights.gguf()}, ref="refs/pr/1")
    header = open_text(f"hf:{REPO}@refs/pr/1", locations)
    assert (snapshot / "m.gguf", []) == (header.path, hub.seen)
    assert f"the Hugging Face cache, {REPO}@{COMMIT[:7]}, m.gguf" == header.source
    assert snapshot / "m.gguf" == open_text(f"hf:{REPO}/m.gguf@{COMMIT}", locations).path


def test_what_the_cache_has_in_part_is_read_at_the_hub(hub: Hub, tmp_path: Path) -> None:
    """A download that is not complete is no model; offline the missing part is named."""
    locations, files = hub.locations(tmp_path), weights.checkpoint_files(2)
    missing = max(name for name in files if name.endswith(".safetensors"))
    cache(locations, {name: data for name, data in files.items() if name != missing})
    hub.files = files
    assert open_text(f"hf:{REPO}", locations).path is None
    with pytest.raises(ModelNotFound, match=missing):
        open_text(f"hf:{REPO}", replace(locations, offline=True))


@pytest.mark.parametrize("ref", ["../../x", "nonsense", "", "\xff"])
def test_a_revision_in_the_cache_is_a_commit(tmp_path: Path, ref: str) -> None:
    """What the cache's own files say is checked before it becomes a path."""
    home = tmp_path / "models--a--b"
    (home / "refs").mkdir(parents=True)
    (home / "snapshots" / "nonsense").mkdir(parents=True)
    (home / "refs" / "main").write_text(ref, encoding="latin-1")
    assert cached_snapshot(HubReference("a/b"), tmp_path) is None


@pytest.mark.parametrize("answer", [b"[]x", b"{}", b'{"siblings": 1}', b'{"siblings": [1]}', b"[[]]", b"null"])
def test_a_list_that_is_none_is_refused(hub: Hub, tmp_path: Path, answer: bytes) -> None:
    """Whatever a hub answers, it is a sentence and no traceback."""
    hub.faults["/revision/"] = "status 404"
    hub.listing = answer
    with pytest.raises(ModelUnreadable, match="in a way that is not understood"):
        open_text(f"hf:{REPO}", hub.locations(tmp_path))


def test_names_in_the_list_are_not_trusted(hub: Hub, tmp_path: Path) -> None:
    """A list that names a step upwards holds no model."""
    hub.files["../../../../v2/m.gguf"] = weights.gguf()
    with pytest.raises(ModelNotFound, match="holds no model"):
        open_text(f"hf:{REPO}", hub.locations(tmp_path))


def test_a_repository_that_is_not_there(hub: Hub, tmp_path: Path) -> None:
    """The sentence asks for the spelling."""
    with pytest.raises(ModelNotFound, match="check the spelling"):
        open_text("hf:owner/other", hub.locations(tmp_path))


def test_a_list_tells_checksums_in_both_of_its_shapes(hub: Hub, tmp_path: Path) -> None:
    """Large files have a SHA-256, small ones the name that git gives them; anything else is none."""
    large, small = {"path": "m.gguf", "size": 9, "oid": "b" * 40}, {"path": "a.json", "size": 2, "oid": "c" * 40}
    odd = {"path": "b.json", "size": "2", "oid": "../../x"}
    hub.faults["/revision/"] = "status 404"
    hub.listing = json.dumps([large | {"lfs": {"oid": "a" * 64, "size": 9}}, small, odd]).encode()
    with RemoteHeaders(hub.locations(tmp_path)) as remote:
        repository = HubRepository(HubReference(REPO), hub.url, remote)
        assert {
            "m.gguf": ListedFile(9, sha256="a" * 64),
            "a.json": ListedFile(2, git="c" * 40),
            "b.json": ListedFile(None),
        } == repository.listed()
        assert repository.commit is None


@pytest.mark.parametrize(
    ("hub_url", "sent"),
    [
        ("https://hub.example", True),
        ("http://hub.example", False),
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://10.0.0.1", False),
    ],
)
def test_a_token_is_sent_over_https_and_loopback_only(tmp_path: Path, hub_url: str, sent: bool) -> None:
    """By https, or on this machine."""
    locations = ModelLocations(tmp_path, tmp_path, hub=hub_url, hub_token="hf_secret")
    assert sent is (hub_credential(locations) is not None)
