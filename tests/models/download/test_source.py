"""Bytes come by HTTP or by Xet, from any byte on, and the token goes to the hub alone."""

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import hf_xet  # type: ignore[import-untyped]
import pytest

from hostd.models.download.pull import carry_out
from hostd.models.download.source import HubFiles, http_blocks, xet_blocks
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.huggingface import open_hub
from hostd.models.reference import HubReference
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub
from tests.models.pulling import CONTENT, FILE, Recorder, ordered, stores

MODEL = weights.gguf() + CONTENT


@pytest.fixture
def xet(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub whose file is stored by Xet, in a folder of this machine that the real client reads."""
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    (tmp_path / "file").write_bytes(MODEL)
    hub.files["m.gguf"] = MODEL
    hub.cas = f"local://{tmp_path / 'cas'}"
    (tmp_path / "cas").mkdir()
    with hf_xet.XetSession().new_upload_commit(endpoint=hub.cas) as commit:
        upload = commit.start_upload_file(str(tmp_path / "file"))
    hub.xet["m.gguf"] = upload.result().xet_info.hash
    return hub


def files(hub: Hub, cache: Path) -> HubFiles:
    """Return the hub's repository."""
    return HubFiles(hub.url, REPO, COMMIT, cache, "hf_secret")


def test_a_file_that_xet_stores_comes_by_xet(xet: Hub, tmp_path: Path) -> None:
    """No byte of it is asked of the store; it is checked, shown, and found like any other."""
    locations, recorder = stores(xet, tmp_path), Recorder()
    order = ordered(FILE, locations)
    carry_out(order, locations, recorder)
    assert (MODEL, len(MODEL)) == (order.path.read_bytes(), recorder.count)
    assert order.path == open_hub(HubReference(REPO, "m.gguf"), replace(locations, offline=True)).path
    assert not any(path.startswith("/store") for _, path, _ in xet.seen)


def test_xet_resumes_what_an_earlier_process_left(xet: Hub, tmp_path: Path) -> None:
    """The rest alone is fetched, and both pieces together have the checksum."""
    locations = stores(xet, tmp_path)
    order = ordered(FILE, locations)
    order.items[0].partial.parent.mkdir(parents=True)
    order.items[0].partial.write_bytes(MODEL[:1_000_000])
    carry_out(order, locations, Recorder())
    assert MODEL == order.path.read_bytes()
    with files(xet, tmp_path).open("m.gguf", 1_000_000) as stream:
        assert (1_000_000, MODEL[1_000_000:]) == (stream.first, b"".join(stream.blocks))


def test_xet_gets_its_ticket_with_the_token(xet: Hub, tmp_path: Path) -> None:
    """From the hub; were the tickets handed out elsewhere, the token would not go there."""
    with files(xet, tmp_path).open("m.gguf", 0) as stream:
        next(stream.blocks)
    tickets = [headers for _, path, headers in xet.seen if "xet-read-token" in path]
    assert {"Bearer hf_secret"} == {headers.get("authorization") for headers in tickets}
    xet.seen.clear()
    elsewhere = replace(files(xet, tmp_path), hub=xet.url.replace("127.0.0.1", "localhost"))
    with elsewhere.open("m.gguf", 0) as stream:
        next(stream.blocks)
    assert {None} == {headers.get("authorization") for _, path, headers in xet.seen if "xet-read-token" in path}


def test_a_download_by_xet_that_is_left_ends_at_once(xet: Hub) -> None:
    """As by Ctrl+C while the storage does not answer; its thread ends with it."""
    xet.faults["xet-read-token"] = "hang"
    with (
        pytest.raises(KeyboardInterrupt),
        xet_blocks("ab" * 32, 1000, 0, f"{xet.url}/api/models/{REPO}/xet-read-token/{COMMIT}", {}),
    ):
        raise KeyboardInterrupt


def test_xet_is_not_asked_at_a_link_local_address(xet: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the tickets are to be had is told by the hub, as a redirect is."""
    told = files(xet, tmp_path).metadata("m.gguf")
    assert told.xet_file_data is not None
    away = replace(told.xet_file_data, refresh_route="http://169.254.169.254/latest")
    told = replace(told, xet_file_data=away)
    monkeypatch.setattr(HubFiles, "metadata", lambda *_: told)
    with pytest.raises(ModelUnreadable, match="link-local"), files(xet, tmp_path).open("m.gguf", 0):
        pass


def test_what_xet_refuses_is_a_sentence(xet: Hub, tmp_path: Path) -> None:
    """A ticket that is not handed out is no traceback."""
    xet.faults["xet-read-token"] = "status 403"
    with (
        pytest.raises(HubUnreachable, match=r"cannot be reached|try again"),
        files(xet, tmp_path).open("m.gguf", 0) as stream,
    ):
        list(stream.blocks)


def test_the_token_does_not_go_to_the_store(hub: Hub, tmp_path: Path) -> None:
    """Which is another origin; without Xet the file comes from there."""
    hub.files["m.gguf"] = MODEL
    with files(hub, tmp_path).open("m.gguf", 100) as stream:
        assert (100, len(MODEL), MODEL[100:]) == (stream.first, stream.size, b"".join(stream.blocks))
    told = {(path.startswith("/store"), headers.get("authorization")) for _, path, headers in hub.seen}
    assert {(False, "Bearer hf_secret"), (True, None)} == told


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("code 403 GatedRepo", ModelUnreadable, "accept the model's terms"),
        ("code 401 RepoNotFound", ModelNotFound, "check the spelling of the owner"),
        ("status 404", ModelNotFound, "does not exist"),
        ("status 503", HubUnreachable, "try again in 7 s"),
        ("drop", HubUnreachable, "try again|is this machine online"),
    ],
)
def test_what_the_hub_refuses_is_said_in_our_words(
    hub: Hub, tmp_path: Path, fault: str, kind: type[ModelUnreadable], said: str
) -> None:
    """Whichever exception the library has for it."""
    hub.files["m.gguf"] = MODEL
    hub.faults["HEAD"] = fault
    with pytest.raises(kind, match=said):
        files(hub, tmp_path).metadata("m.gguf")


def test_another_part_than_was_asked_for_is_refused(hub: Hub) -> None:
    """It is not written where another belongs."""
    hub.files["m.gguf"] = MODEL
    hub.faults["/store/"] = "other range"
    with (
        pytest.raises(ModelUnreadable, match="such a server cannot be used"),
        http_blocks(f"{hub.url}/{REPO}/resolve/main/m.gguf", 100, {}),
    ):
        pass


def test_nothing_is_taken_from_a_link_local_address(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is that of the connection, whatever its name."""
    asked: list[str] = []

    def refuse(address: str) -> None:
        asked.append(address)
        raise ModelUnreadable("no")

    hub.files["m.gguf"] = MODEL
    monkeypatch.setattr("hostd.models.download.source.refuse_link_local", refuse)
    with pytest.raises(ModelUnreadable), http_blocks(f"{hub.url}/{REPO}/resolve/main/m.gguf", 0, {}):
        pass
    assert (["127.0.0.1"], []) == (asked, hub.seen)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("http://169.254.169.254/latest", "is a link-local address"),
        ("http://[fe80::1]/x", "is a link-local address"),
        ("file:///etc/passwd", "is no address of a hub"),
    ],
)
def test_a_redirect_is_looked_at_before_it_is_followed(hub: Hub, where: str, said: str) -> None:
    """At once, and not after five attempts."""
    hub.files["m.gguf"] = MODEL
    hub.faults["/resolve/"] = f"away {where}"
    with (
        pytest.raises(ModelUnreadable, match=said) as caught,
        http_blocks(f"{hub.url}/{REPO}/resolve/main/m.gguf", 0, {}),
    ):
        pass
    assert not isinstance(caught.value, HubUnreachable)


@pytest.mark.parametrize("fault", ["circle", "maze"])
def test_redirects_without_end_are_left(hub: Hub, fault: str) -> None:
    """In a circle, or always further."""
    hub.faults["/resolve/"] = fault
    with pytest.raises(ModelUnreadable, match="redirects in a circle"), http_blocks(f"{hub.url}/resolve/x", 0, {}):
        pass


def test_a_private_address_that_cannot_be_reached_is_named(hub: Hub) -> None:
    """A hub in one's own network may send to its store in another, where this machine is not."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        store = f"http://127.0.0.2:{closed.getsockname()[1]}/m.gguf"
        hub.faults["/resolve/"] = f"away {store}"
        with (
            pytest.raises(HubUnreachable, match=f"sends to {store}, a private address"),
            http_blocks(f"{hub.url}/resolve/x", 0, {}, hub.url),
        ):
            pass


@pytest.mark.slow
def test_only_pulls_pay_for_the_library() -> None:
    """Neither the daemon nor the command line imports it at its start."""
    code = "import sys, hostd.daemon, hostd.cli.app; print(*sorted({'huggingface_hub', 'hf_xet'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()
