"""An interrupted download is resumed, and wrong content is noticed."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from hostd.models.download.source import http_blocks
from hostd.models.download.transfer import LONGEST_PAUSE, TRIES, DownloadFile, Pause, fetch
from hostd.models.errors import HubUnreachable, ModelUnreadable
from tests.models.hub import REPO, Hub
from tests.models.pulling import CONTENT, Recorder

CUT = 1_000_000


@pytest.fixture
def file(hub: Hub, tmp_path: Path) -> DownloadFile:
    """A file that the hub has."""
    hub.files["m.gguf"] = CONTENT
    blobs = tmp_path / "blobs"
    lock = tmp_path / "locks" / "m.lock"
    digest = hashlib.sha256(CONTENT).hexdigest()
    return DownloadFile("m.gguf", len(CONTENT), blobs / "m", blobs / "m.incomplete", lock, digest)


def get(hub: Hub, file: DownloadFile, recorder: Recorder | None = None, pause: Pause | None = None) -> Recorder:
    """Fetch and return what was recorded."""
    recorder = recorder or Recorder()
    fetch(
        file,
        partial(http_blocks, f"{hub.url}/{REPO}/resolve/main/m.gguf", headers={}),
        recorder,
        here=lambda each: each.blob.is_file(),
        pause=pause or recorder.pause,
    )
    return recorder


def asked(hub: Hub) -> list[str | None]:
    """Return the ranges of the requests for the content, None for the whole."""
    return [headers.get("range") for _, path, headers in hub.seen if path.startswith("/store")]


def test_a_file_comes_whole_and_is_checked(hub: Hub, file: DownloadFile) -> None:
    """In one request, without any pause, and all of it is counted."""
    recorder = get(hub, file)
    assert (CONTENT, len(CONTENT), []) == (file.blob.read_bytes(), recorder.count, recorder.sentences)
    assert [None] == asked(hub)
    assert not file.partial.exists()


def test_what_is_here_is_not_asked_for(hub: Hub, file: DownloadFile) -> None:
    """It counts as come."""
    get(hub, file)
    hub.seen.clear()
    assert len(CONTENT) == get(hub, file).count
    assert [] == hub.seen


def test_a_cut_line_is_gone_on_with(hub: Hub, file: DownloadFile) -> None:
    """The rest is asked for, and the owner is told."""
    hub.turns["/store/"] = [f"cut {CUT}", f"cut {CUT}"]
    recorder = get(hub, file)
    assert CONTENT == file.blob.read_bytes()
    assert [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"] == asked(hub)
    assert ([1.0, 1.0], len(CONTENT)) == (recorder.pauses, recorder.count)
    assert "; trying again in 1 s" in recorder.sentences[0]


def test_an_attempt_of_another_day_is_gone_on_with(hub: Hub, file: DownloadFile) -> None:
    """What an earlier process left beside the file's place is taken up."""
    file.partial.parent.mkdir(parents=True)
    file.partial.write_bytes(CONTENT[:CUT])
    assert CUT == file.kept
    recorder = get(hub, file)
    assert ([f"bytes={CUT}-"], CONTENT, len(CONTENT)) == (asked(hub), file.blob.read_bytes(), recorder.count)


def test_a_complete_attempt_needs_no_request(hub: Hub, file: DownloadFile) -> None:
    """A process that ended between the last byte and the new name left nothing to fetch."""
    file.partial.parent.mkdir(parents=True)
    file.partial.write_bytes(CONTENT)
    get(hub, file)
    assert ([], CONTENT) == (asked(hub), file.blob.read_bytes())


def test_a_server_that_knows_no_ranges_begins_anew(hub: Hub, file: DownloadFile) -> None:
    """Its whole file is taken; nothing is doubled."""
    file.partial.parent.mkdir(parents=True)
    file.partial.write_bytes(CONTENT[:CUT])
    hub.faults["/store/"] = "no ranges"
    recorder = get(hub, file)
    assert (CONTENT, len(CONTENT)) == (file.blob.read_bytes(), recorder.count)


def test_a_content_that_changed_meanwhile_begins_anew(hub: Hub, file: DownloadFile) -> None:
    """The server notices that the condition no longer holds and sends the new file, which is taken if it is what was listed."""
    other = CONTENT[::-1]
    listed = replace(file, sha256=hashlib.sha256(other).hexdigest())
    hub.turns["/store/"] = [f"cut {CUT}"]
    recorder = get(hub, listed, pause=lambda _: hub.files.update({"m.gguf": other}))
    assert (other, len(CONTENT)) == (file.blob.read_bytes(), recorder.count)


def test_pieces_that_do_not_belong_together_are_fetched_anew(hub: Hub, file: DownloadFile) -> None:
    """A rest from an attempt at something else shows in the checksum, and costs one more download."""
    file.partial.parent.mkdir(parents=True)
    file.partial.write_bytes(b"x" * CUT)
    recorder = get(hub, file)
    assert ([f"bytes={CUT}-", None], CONTENT) == (asked(hub), file.blob.read_bytes())
    assert "do not belong together" in recorder.sentences[0]
    assert len(CONTENT) == recorder.count


def test_a_wrong_checksum_keeps_nothing(hub: Hub, file: DownloadFile) -> None:
    """A damaged or exchanged file never gets its name, and no part of it is gone on with later."""
    hub.files["m.gguf"] = CONTENT[:-1] + b"?"
    with pytest.raises(ModelUnreadable, match="another checksum"):
        get(hub, file)
    assert (False, 0, 1) == (file.blob.exists(), file.kept, len(asked(hub)))


@pytest.mark.parametrize("more", [1, -1])
def test_another_size_than_was_listed_is_refused_at_once(hub: Hub, file: DownloadFile, more: int) -> None:
    """Not a byte of it is read."""
    with pytest.raises(ModelUnreadable, match=f"is {len(CONTENT)} bytes long, and its hub lists {len(CONTENT) + more}"):
        get(hub, replace(file, size=len(CONTENT) + more))
    assert 0 == file.kept


def test_a_body_without_a_length_ends_at_the_size_that_was_listed(hub: Hub, file: DownloadFile) -> None:
    """A server that sends for ever is left; what came is judged by its checksum."""
    hub.faults["/store/"] = "long"
    with pytest.raises(ModelUnreadable, match="another checksum"):
        get(hub, file)
    assert 0 == file.kept


def test_a_body_that_ends_early_without_a_length_is_asked_for_again(hub: Hub, file: DownloadFile) -> None:
    """Without a length, the end of a body is not taken for the end of the file."""
    hub.turns["/store/"] = ["endless"]
    recorder = get(hub, file)
    assert "ended after 8 of" in recorder.sentences[0]
    assert CONTENT == file.blob.read_bytes()


def test_a_hub_that_stays_broken_is_given_up_and_what_came_is_kept(hub: Hub, file: DownloadFile) -> None:
    """After some attempts in a row that bring nothing; the pauses grow."""
    hub.turns["/store/"] = [f"cut {CUT}"]
    hub.faults["/store/"] = "drop"
    recorder = Recorder()
    with pytest.raises(HubUnreachable, match=r"in 5 attempts; 977 KiB of m.gguf are kept: run the same command"):
        get(hub, file, recorder)
    assert (CUT, [1.0, 2.0, 4.0, 8.0]) == (file.kept, recorder.pauses[: TRIES - 1])
    hub.faults.clear()
    get(hub, file)
    assert CONTENT == file.blob.read_bytes()


def test_a_busy_hub_says_when(hub: Hub, file: DownloadFile) -> None:
    """Its own number of seconds is waited, within reason."""
    hub.turns["/store/"] = ["status 429", "status 503"]
    assert [7.0, 7.0] == get(hub, file).pauses
    assert LONGEST_PAUSE > 7.0


def test_a_silent_line_is_a_broken_one(hub: Hub, file: DownloadFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience ends, and the rest is asked for anew."""
    monkeypatch.setattr("hostd.models.download.source.PATIENCE", 0.5)
    hub.turns["/store/"] = [f"hold {CUT}"]
    recorder = get(hub, file)
    assert "; trying again in 1 s" in recorder.sentences[0]
    assert CONTENT == file.blob.read_bytes()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status 403", "accept the model's terms"),
        ("html", "is a web page"),
        ("gzip", "came packed"),
    ],
)
def test_a_refusal_is_not_tried_again(hub: Hub, file: DownloadFile, fault: str, said: str) -> None:
    """One request is enough to know."""
    hub.faults["/resolve/"] = fault
    recorder = Recorder()
    with pytest.raises(ModelUnreadable, match=said):
        get(hub, file, recorder)
    assert [] == recorder.pauses


def test_two_at_once_fetch_it_once(hub: Hub, file: DownloadFile) -> None:
    """The second waits, says so, and finds the file there."""
    hub.turns["/store/"] = [f"hold {CUT}"]
    first = Thread(target=get, args=(hub, file))
    first.start()
    assert hub.held.wait(10)

    class Second(Recorder):
        def told(self, sentence: str) -> None:
            super().told(sentence)
            hub.gate.set()

    recorder = Second()
    get(hub, file, recorder)
    first.join(10)
    assert (1, len(CONTENT), CONTENT) == (len(asked(hub)), recorder.count, file.blob.read_bytes())
    assert ["another program is fetching m.gguf; waiting for it"] == recorder.sentences


def test_an_empty_file_is_a_file(hub: Hub, file: DownloadFile) -> None:
    """It needs no request."""
    get(hub, replace(file, size=0, sha256=hashlib.sha256(b"").hexdigest()))
    assert (b"", []) == (file.blob.read_bytes(), hub.seen)
