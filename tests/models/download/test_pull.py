"""Free space is checked, every file is downloaded, and the model is found again."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.download.pull import MARGIN, carry_out, check_room, missing, total
from hostd.models.errors import DiskFull, HubUnreachable, ModelUnreadable
from hostd.models.huggingface import open_hub
from hostd.models.reference import HubReference
from hostd.models.scan import scan
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub
from tests.models.pulling import CONTENT, FILE, Recorder, ordered, stores


def test_a_pulled_file_is_found_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    """By its reference, and among the models of this machine; the cache has links, as other programs expect."""
    hub.files["m.gguf"] = weights.gguf() + CONTENT
    locations = stores(hub, tmp_path)
    order, recorder = ordered(FILE, locations), Recorder()
    assert (total(order), True) == (missing(order), order.path.name == "m.gguf")
    carry_out(order, locations, recorder)
    assert (total(order), 0) == (recorder.count, missing(order))
    assert order.path.is_symlink()
    hub.seen.clear()
    assert order.path == open_hub(HubReference(REPO, "m.gguf"), replace(locations, offline=True)).path
    assert [order.path] == [entry.path for entry in scan(locations)]
    assert [] == hub.seen


def test_a_whole_checkpoint_comes(hub: Hub, tmp_path: Path) -> None:
    """A folder that opens, with its texts; the second time nothing is fetched."""
    hub.files = weights.checkpoint_files(3) | {"tokenizer.json": b"{}", "run.py": b"exit()"}
    locations = stores(hub, tmp_path)
    carry_out(ordered(f"hf:{REPO}", locations), locations, Recorder())
    header = open_hub(HubReference(REPO), replace(locations, offline=True))
    assert header.path is not None
    assert {*hub.files} - {"run.py"} == {path.name for path in header.path.iterdir()}
    hub.seen.clear()
    order = ordered(f"hf:{REPO}", locations)
    carry_out(order, locations, Recorder())
    assert (0, 1) == (missing(order), len(hub.seen))


def test_a_branch_is_moved_only_when_all_is_here(hub: Hub, tmp_path: Path) -> None:
    """A download that is not complete is not found as one that is."""
    hub.files = weights.checkpoint_files(2)
    hub.faults["/store/model-00002"] = "status 403"
    locations = stores(hub, tmp_path)
    with pytest.raises(ModelUnreadable, match="accept the model's terms"):
        carry_out(ordered(f"hf:{REPO}", locations), locations, Recorder())
    refs = tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "refs" / "main"
    assert not refs.exists()
    hub.faults.clear()
    carry_out(ordered(f"hf:{REPO}", locations), locations, Recorder())
    assert COMMIT == refs.read_text()


def test_the_token_never_leaves_the_hub(hub: Hub, tmp_path: Path) -> None:
    """The store on another origin does not see it, at a resumed request either."""
    hub.files["m.gguf"] = CONTENT
    hub.turns["/store/"] = ["cut 1000"]
    locations, recorder = stores(hub, tmp_path), Recorder()
    carry_out(ordered(FILE, locations), locations, recorder, pause=recorder.pause)
    told = {(path.startswith("/store"), headers.get("authorization")) for _, path, headers in hub.seen}
    assert {(False, "Bearer hf_secret"), (True, None)} == told


def test_too_little_room_is_said_before_anything_comes(hub: Hub, tmp_path: Path) -> None:
    """What is missing on the disk, for all orders together; what was kept of an earlier attempt counts."""
    hub.files = {"a.gguf": CONTENT, "b.gguf": CONTENT[::-1]}
    locations = stores(hub, tmp_path)
    orders = [ordered(f"hf:{REPO}/{name}", locations) for name in hub.files]
    need = 2 * len(CONTENT) + MARGIN
    check_room(orders, lambda _: need)
    with pytest.raises(DiskFull, match=r"1\.0 MiB are missing"):
        check_room(orders, lambda _: need - 2**20)
    partial = orders[0].items[0].partial
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[: 2**20])
    check_room(orders, lambda _: need - 2**20)
    assert not any("/store" in path for _, path, _ in hub.seen)


def test_what_is_here_needs_no_room(hub: Hub, tmp_path: Path) -> None:
    """A full disk is no reason to refuse a download of nothing."""
    hub.files["m.gguf"] = CONTENT
    locations = stores(hub, tmp_path)
    order = ordered(FILE, locations)
    carry_out(order, locations, Recorder())
    check_room([order], lambda _: 0)


def test_offline_nothing_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """What is here is good; what is not is said to be forbidden."""
    hub.files["m.gguf"] = CONTENT
    locations = stores(hub, tmp_path)
    offline, order = replace(locations, offline=True), ordered(FILE, locations)
    with pytest.raises(HubUnreachable, match="forbids fetching the rest"):
        carry_out(order, offline, Recorder())
    carry_out(order, locations, Recorder())
    carry_out(order, offline, Recorder())


def test_a_file_of_another_size_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """What another program left under that name is not whole."""
    hub.files["m.gguf"] = CONTENT
    locations = stores(hub, tmp_path)
    order = ordered(FILE, locations)
    order.items[0].blob.parent.mkdir(parents=True)
    order.items[0].blob.write_bytes(b"cut short")
    carry_out(order, locations, Recorder())
    assert CONTENT == order.path.read_bytes()


def test_a_place_that_cannot_be_written_is_a_sentence(hub: Hub, tmp_path: Path) -> None:
    """It says which variable names another."""
    hub.files["m.gguf"] = CONTENT
    (tmp_path / "file").write_bytes(b"")
    locations = replace(stores(hub, tmp_path), hub_cache=tmp_path / "file" / "hub")
    order = ordered(FILE, locations)
    with pytest.raises(ModelUnreadable, match=f"{os.strerror(errno.ENOTDIR)}; give this user access.*HF_HOME"):
        carry_out(order, locations, Recorder())


def test_without_links_a_download_works_as_well(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that knows none: the file is at its place, and is not fetched twice."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "symlink", refuse)
    hub.files["m.gguf"] = weights.gguf() + CONTENT
    locations = stores(hub, tmp_path)
    for _ in range(2):
        order = ordered(FILE, locations)
        carry_out(order, locations, Recorder())
    assert (False, 0) == (order.path.is_symlink(), missing(order))
    assert 1 == len([path for _, path, _ in hub.seen if path.startswith("/store")])


def test_a_blob_that_nobody_shows_is_not_believed(hub: Hub, tmp_path: Path) -> None:
    """It has the name and the size of the model, and other bytes: it is fetched anew, and counted; a good one is kept."""
    content = hub.files["m.gguf"] = weights.gguf() + CONTENT
    locations = stores(hub, tmp_path)
    order, recorder = ordered(FILE, locations), Recorder()
    blob = order.items[0].blob
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content[:-1] + b"x")
    assert len(content) == carry_out(order, locations, recorder)
    assert content == order.path.read_bytes()
    assert any("damaged" in sentence for sentence in recorder.sentences)
    order.path.unlink()
    assert 0 == carry_out(ordered(FILE, locations), locations, Recorder())
    assert content == order.path.read_bytes()


def test_a_blob_of_ollamas_that_no_manifest_names_is_not_believed(hub: Hub, tmp_path: Path) -> None:
    """As a server's or a program's that ended in its midst."""
    hub.add_model("q", "9b", model=CONTENT, template=b"t")
    locations = stores(hub, tmp_path)
    order = ordered("ollama:q:9b", locations)
    order.path.parent.mkdir(parents=True)
    order.path.write_bytes(CONTENT[:-1] + b"x")
    carry_out(order, locations, Recorder())
    assert CONTENT == order.path.read_bytes()
