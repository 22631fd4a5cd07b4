"""Whatever cuts a download, the next attempt goes on; whatever is sent instead, it is noticed."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from hostd.models.download.partial import Checksum
from hostd.models.download.transfer import LONGEST_PAUSE, TRIES, DownloadFile, fetch
from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http.client import HubClient
from tests.models.hub import REPO, Hub
from tests.models.pulling import CONTENT, Onlooker

CUT = 1_000_000


@pytest.fixture
def item(hub: Hub, tmp_path: Path) -> DownloadFile:
    """A file that the hub has."""
    hub.files["m.gguf"] = CONTENT
    return DownloadFile(
        "m.gguf",
        f"{hub.url}/{REPO}/resolve/main/m.gguf",
        len(CONTENT),
        Checksum(hashlib.sha256(CONTENT).hexdigest()),
        tmp_path / "blobs" / "m",
        tmp_path / "blobs" / "m.incomplete",
        tmp_path / "locks" / "m.lock",
    )


def get(item: DownloadFile, *, pause: Callable[[float], None] | None = None, patience: float = 10.0) -> Onlooker:
    """Fetch and return who looked on."""
    timeouts = Onlooker()
    with HubClient(patience=patience) as web:
        fetch(item, web, timeouts, here=lambda each: each.blob.is_file(), pause=pause or timeouts.pause)
    return timeouts


def asked(hub: Hub) -> list[str | None]:
    """Return the ranges of the requests for the content, None for the whole."""
    return [headers.get("range") for _, path, headers in hub.seen if path.startswith("/store")]


def test_a_file_comes_whole_and_is_checked(hub: Hub, item: DownloadFile) -> None:
    """In one request, without any pause, and all of it is counted."""
    timeouts = get(item)
    assert (CONTENT, len(CONTENT), []) == (item.blob.read_bytes(), timeouts.count, timeouts.sentences)
    assert [None] == asked(hub)
    assert not item.partial.exists()


def test_what_is_here_is_not_asked_for(hub: Hub, item: DownloadFile) -> None:
    """It counts as come."""
    get(item)
    hub.seen.clear()
    assert len(CONTENT) == get(item).count
    assert [] == hub.seen


def test_a_cut_line_is_gone_on_with(hub: Hub, item: DownloadFile) -> None:
    """The rest is asked for, on the condition that the content is still the same."""
    hub.turns["/store/"] = [f"cut {CUT}", f"cut {CUT}"]
    timeouts = get(item)
    assert CONTENT == item.blob.read_bytes()
    assert [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"] == asked(hub)
    conditions = [headers.get("if-range") for _, path, headers in hub.seen if path.startswith("/store")]
    assert [None, f'"{hashlib.md5(CONTENT).hexdigest()}"'] == conditions[:2]
    assert ([1.0, 1.0], len(CONTENT)) == (timeouts.pauses, timeouts.count)
    assert "broke off with 1.9 MiB still to come; trying again in 1 s" in timeouts.sentences[0]


def test_an_attempt_of_another_day_is_gone_on_with(hub: Hub, item: DownloadFile) -> None:
    """What an earlier process left beside the file's place is taken up."""
    item.partial.parent.mkdir(parents=True)
    item.partial.write_bytes(CONTENT[:CUT])
    assert CUT == item.kept
    timeouts = get(item)
    assert ([f"bytes={CUT}-"], CONTENT, len(CONTENT)) == (asked(hub), item.blob.read_bytes(), timeouts.count)


def test_a_complete_attempt_needs_no_request(hub: Hub, item: DownloadFile) -> None:
    """A process that ended between the last byte and the new name left nothing to fetch."""
    item.partial.parent.mkdir(parents=True)
    item.partial.write_bytes(CONTENT)
    get(item)
    assert ([], CONTENT) == (asked(hub), item.blob.read_bytes())


def test_a_server_that_knows_no_ranges_begins_anew(hub: Hub, item: DownloadFile) -> None:
    """Its whole file is taken; nothing is doubled."""
    item.partial.parent.mkdir(parents=True)
    item.partial.write_bytes(CONTENT[:CUT])
    hub.faults["/store/"] = "no ranges"
    timeouts = get(item)
    assert (CONTENT, len(CONTENT)) == (item.blob.read_bytes(), timeouts.count)


def test_a_content_that_changed_meanwhile_begins_anew(hub: Hub, item: DownloadFile) -> None:
    """The server notices that the condition no longer holds and sends the new file, which is taken if it is what was listed."""
    other = CONTENT[::-1]
    listed = replace(item, checksum=Checksum(hashlib.sha256(other).hexdigest()))
    hub.turns["/store/"] = [f"cut {CUT}"]
    timeouts = get(listed, pause=lambda _: hub.files.update({"m.gguf": other}))
    assert (other, len(CONTENT)) == (item.blob.read_bytes(), timeouts.count)


def test_pieces_that_do_not_belong_together_are_fetched_anew(hub: Hub, item: DownloadFile) -> None:
    """A rest from an attempt at something else shows in the checksum, and costs one more download."""
    item.partial.parent.mkdir(parents=True)
    item.partial.write_bytes(b"x" * CUT)
    timeouts = get(item)
    assert ([f"bytes={CUT}-", None], CONTENT) == (asked(hub), item.blob.read_bytes())
    assert "do not belong together" in timeouts.sentences[0]
    assert len(CONTENT) == timeouts.count


def test_a_wrong_checksum_keeps_nothing(hub: Hub, item: DownloadFile) -> None:
    """A damaged or exchanged file never gets its name, and no part of it is gone on with later."""
    hub.files["m.gguf"] = CONTENT[:-1] + b"?"
    with pytest.raises(ModelUnreadable, match="another checksum"):
        get(item)
    assert (False, 0, 1) == (item.blob.exists(), item.kept, len(asked(hub)))


@pytest.mark.parametrize("more", [1, -1])
def test_another_size_than_was_listed_is_refused_at_once(hub: Hub, item: DownloadFile, more: int) -> None:
    """Not a byte of it is read."""
    with pytest.raises(ModelUnreadable, match=f"is {len(CONTENT)} bytes long, and its hub lists {len(CONTENT) + more}"):
        get(replace(item, size=len(CONTENT) + more))
    assert 0 == item.kept


def test_a_body_without_a_length_ends_at_the_size_that_was_listed(hub: Hub, item: DownloadFile) -> None:
    """A server that sends for ever is left; what came is judged by its checksum."""
    hub.faults["/store/"] = "long"
    with pytest.raises(ModelUnreadable, match="another checksum"):
        get(item)
    assert 0 == item.kept


def test_a_body_that_ends_early_without_a_length_is_asked_for_again(hub: Hub, item: DownloadFile) -> None:
    """An end that nobody announced is not taken for the end of the file."""
    hub.turns["/store/"] = ["endless"]
    timeouts = get(item)
    assert "ended after 8 of" in timeouts.sentences[0]
    assert CONTENT == item.blob.read_bytes()


def test_a_hub_that_stays_broken_is_given_up_and_what_came_is_kept(hub: Hub, item: DownloadFile) -> None:
    """After some attempts in a row that bring nothing; the pauses grow."""
    hub.turns["/store/"] = [f"cut {CUT}"]
    hub.faults["/store/"] = "drop"
    timeouts = Onlooker()
    with (
        HubClient() as web,
        pytest.raises(HubUnreachable, match=r"in 5 attempts; 977 KiB of m.gguf are kept: run the same command"),
    ):
        fetch(item, web, timeouts, here=lambda _: False, pause=timeouts.pause)
    assert (CUT, [1.0, 2.0, 4.0, 8.0]) == (item.kept, timeouts.pauses[: TRIES - 1])
    hub.faults.clear()
    get(item)
    assert CONTENT == item.blob.read_bytes()


def test_a_busy_hub_says_when(hub: Hub, item: DownloadFile) -> None:
    """Its own number of seconds is waited, within reason."""
    hub.turns["/store/"] = ["status 429", "status 503"]
    assert [7.0, 7.0] == get(item).pauses
    assert LONGEST_PAUSE > 7.0


def test_a_silent_line_is_a_broken_one(hub: Hub, item: DownloadFile) -> None:
    """Patience ends, and the rest is asked for anew."""
    hub.turns["/store/"] = [f"hold {CUT}"]
    timeouts = get(item, patience=0.5)
    assert "stopped sending; trying again" in timeouts.sentences[0]
    assert CONTENT == item.blob.read_bytes()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status 403", "accept the model's terms"),
        ("html", "is a web page"),
        ("gzip", "came packed"),
        ("circle", "in a circle"),
    ],
)
def test_a_refusal_is_not_tried_again(hub: Hub, item: DownloadFile, fault: str, said: str) -> None:
    """One request is enough to know."""
    hub.faults["/resolve/"] = fault
    timeouts = Onlooker()
    with HubClient() as web, pytest.raises(ModelUnreadable, match=said):
        fetch(item, web, timeouts, here=lambda _: False, pause=timeouts.pause)
    assert [] == timeouts.pauses


def test_two_at_once_fetch_it_once(hub: Hub, item: DownloadFile) -> None:
    """The second waits, says so, and finds the file there."""
    hub.turns["/store/"] = [f"hold {CUT}"]
    first = Thread(target=get, args=(item,))
    first.start()
    assert hub.held.wait(10)

    class Second(Onlooker):
        def told(self, sentence: str) -> None:
            super().told(sentence)
            hub.gate.set()

    timeouts = Second()
    with HubClient() as web:
        fetch(item, web, timeouts, here=lambda each: each.blob.is_file())
    first.join(10)
    assert (1, len(CONTENT), CONTENT) == (len(asked(hub)), timeouts.count, item.blob.read_bytes())
    assert ["another program is fetching m.gguf; waiting for it"] == timeouts.sentences


def test_an_empty_file_is_a_file(hub: Hub, item: DownloadFile) -> None:
    """It needs no request."""
    get(replace(item, size=0, checksum=Checksum(hashlib.sha256(b"").hexdigest())))
    assert (b"", []) == (item.blob.read_bytes(), hub.seen)
