"""Headers come from a hub in few pieces, and from the cache in none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.header_store import CachedHeader, HeaderStore
from hostd.models.http.client import HubClient
from hostd.models.locations import ModelLocations
from hostd.models.remote_headers import RemoteFile, RemoteHeaders, content_etag
from hostd.planning.formats import gguf
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub

MAIN = f"/{REPO}/resolve/main/"


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Callable[..., RemoteHeaders]]:
    """Make readers that share a cache."""
    begun: list[RemoteHeaders] = []

    def begin(*, offline: bool = False) -> RemoteHeaders:
        begun.append(RemoteHeaders(ModelLocations(tmp_path, tmp_path, offline=offline), patience=1))
        return begun[-1]

    yield begin
    for each in begun:
        each.__exit__()


@pytest.mark.parametrize(("vocabulary", "ranges"), [(0, 1), (32_000, 1), (100_000, 2), (152_000, 3), (500_000, 4)])
def test_pieces_are_few(hub: Hub, remote: Callable[..., RemoteHeaders], vocabulary: int, ranges: int) -> None:
    """A small tokenizer fits in the first piece or the second; large ones take a doubling each."""
    hub.files["m.gguf"] = weights.gguf(vocabulary=vocabulary)
    request = remote()
    request.header(hub.url + MAIN + "m.gguf", gguf.parse, fixed=False)
    assert (ranges, ranges) == (request.ranges, len(hub.ranges()))


def test_the_hub_is_asked_where_the_file_is_only_once(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """Later pieces come from where the redirect led."""
    hub.files["m.gguf"] = weights.gguf(vocabulary=152_000)
    remote().header(hub.url + MAIN + "m.gguf", gguf.parse, fixed=False)
    assert 1 == sum(path.startswith(MAIN) for _, path, _ in hub.seen)


def test_a_signature_that_expired_is_renewed(hub: Hub) -> None:
    """Where the signed address refuses, the hub is asked again."""
    hub.files["m.gguf"] = bytes(100)
    with HubClient() as web:
        file = RemoteFile(web, hub.url + MAIN + "m.gguf")
        file.read(0, 10)
        file._where = hub.store + "/expired"
        assert bytes(10) == file.read(10, 20)


@pytest.mark.parametrize(("fault", "why"), [("growing", "and then"), ("lying size", "by its hub and")])
def test_sizes_that_contradict_each_other_are_refused(hub: Hub, fault: str, why: str) -> None:
    """A file has one size, by every account."""
    hub.files["m.gguf"] = bytes(100)
    hub.faults["store"] = fault
    url = hub.store + "/store/m.gguf" if fault == "growing" else hub.url + MAIN + "m.gguf"
    with HubClient() as web:
        file = RemoteFile(web, url)
        with pytest.raises(ModelUnreadable, match=why):  # noqa: PT012 - at the first or the second piece
            file.read(0, 10)
            file.read(10, 20)


def test_what_is_fixed_is_asked_for_once(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """An address that names a commit never changes, so its second reading makes no request."""
    hub.files["m.gguf"] = weights.gguf()
    url = f"{hub.url}/{REPO}/resolve/{COMMIT}/m.gguf"
    first = remote().header(url, gguf.parse, fixed=True)
    hub.seen.clear()
    request = remote(offline=True)
    assert first == request.header(url, gguf.parse, fixed=True)
    assert ([], 0, []) == (hub.seen, request.ranges, request.notes)


def test_what_may_change_is_asked_about(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """While the etag stays, one look without a range is enough; when it changes, the file is read anew."""
    url = hub.url + MAIN + "m.gguf"
    hub.files["m.gguf"] = weights.gguf()
    remote().header(url, gguf.parse, fixed=False)
    hub.seen.clear()
    remote().header(url, gguf.parse, fixed=False)
    assert ["HEAD"] == [method for method, _, _ in hub.seen]
    hub.files["m.gguf"] = weights.gguf(architecture="qwen2")
    assert "qwen2" == remote().header(url, gguf.parse, fixed=False).header.keys["general.architecture"]


def test_without_a_line_the_last_answer_counts(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """A hub that cannot be asked leaves what it said last time, and a note."""
    url, listing = hub.url + MAIN + "m.gguf", f"{hub.url}/api/models/{REPO}/tree/main"
    hub.files["m.gguf"] = weights.gguf()
    known = remote()
    expected = (known.header(url, gguf.parse, fixed=False), known.document(listing, 9999, fixed=False))
    for request in (remote(offline=True), remote()):
        hub.faults[""] = "drop"
        assert expected == (request.header(url, gguf.parse, fixed=False), request.document(listing, 9999, fixed=False))
        assert 2 == sum("what it said last time was used" in note for note in request.notes)


def test_without_a_line_and_a_last_answer_there_is_none(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """Offline, what was never asked cannot be known."""
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        remote(offline=True).header(hub.url + MAIN + "m.gguf", gguf.parse, fixed=False)


def test_a_hub_without_head_is_read_anew(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """A server that refuses the look is asked for the file."""
    url = hub.url + MAIN + "m.gguf"
    hub.files["m.gguf"] = weights.gguf()
    remote().header(url, gguf.parse, fixed=False)
    hub.faults["HEAD "] = "status 405"
    assert 1 == (request := remote()).header(url, gguf.parse, fixed=False).header.parts
    assert 1 == request.ranges


def test_a_cache_that_was_tampered_with_is_parsed_with_the_same_doubt(
    hub: Hub, remote: Callable[..., RemoteHeaders], tmp_path: Path
) -> None:
    """What is kept goes through the parser like anything else."""
    HeaderStore(tmp_path).put(CachedHeader("http://hub/x", "m", 99, b"GGUF" + b"\xff" * 40))
    with pytest.raises(ModelUnreadable, match="http://hub/x: "):
        remote().header("http://hub/x", gguf.parse, fixed=True)


def test_many_files_are_read_some_at_once(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """Their order stays, and their pieces are counted together."""
    names = [f"{number:02}.gguf" for number in range(9)]
    hub.files |= {name: weights.gguf(vocabulary=number) for number, name in enumerate(names)}
    request = remote()
    reads = request.headers([hub.url + MAIN + name for name in names], gguf.parse, fixed=False)
    lengths = [read.header.lengths.get("tokenizer.ggml.tokens", 0) for read in reads]
    assert (list(range(9)), 9) == (lengths, request.ranges)


def test_one_missing_file_fails_them_all(hub: Hub, remote: Callable[..., RemoteHeaders]) -> None:
    """A model without one of its parts is none."""
    hub.files["a.gguf"] = weights.gguf()
    with pytest.raises(ModelNotFound):
        remote().headers([hub.url + MAIN + name for name in ("a.gguf", "b.gguf")], gguf.parse, fixed=False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"etag": 'W/"a"'}, "a"), ({"etag": '"a"', "x-linked-etag": '"b"'}, "b"), ({}, "")],
)
def test_the_hubs_etag_goes_before_the_servers(headers: dict[str, str], expected: str) -> None:
    """For large files the store has an etag of its own, and the hub's names the content."""
    assert expected == content_etag(headers)
