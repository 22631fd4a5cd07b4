"""A list from the hub becomes an order: at one commit, with checksums, into the shared cache."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.models.download.hub import plan_hub_download
from hostd.models.download.pull import carry_out, missing
from hostd.models.errors import HubUnreachable, ModelNotFound, ModelUnreadable
from hostd.models.reference import HubReference
from tests.models import weights
from tests.models.hub import COMMIT, REPO, Hub, git_name
from tests.models.pulling import CONTENT, FILE, Recorder, ordered


def test_large_files_are_known_by_their_sha256_and_small_ones_by_git(hub: Hub, tmp_path: Path) -> None:
    """Both checksums are in the list, and every file is asked for at the commit that it is of."""
    hub.files = weights.checkpoint_files()
    order = ordered(f"hf:{REPO}", hub.locations(tmp_path))
    config, model = (hub.files[name] for name in ("config.json", "model.safetensors"))
    found = {item.name: item for item in order.items}
    assert (None, git_name(config)) == (found["config.json"].sha256, found["config.json"].git)
    assert hashlib.sha256(model).hexdigest() == found["model.safetensors"].sha256
    assert {name: len(content) for name, content in hub.files.items()} == {item.name: item.size for item in order.items}
    assert tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / COMMIT == order.path
    assert [] == [path for _, path, _ in hub.seen if "/resolve/" in path]


def test_the_commit_is_asked_for_where_the_list_does_not_name_it(hub: Hub, tmp_path: Path) -> None:
    """A mirror that has only the other route tells it with the files; one that does not cannot fill the cache."""
    hub.files["m.gguf"] = CONTENT
    hub.faults["/revision/"] = "status 404"
    hub.listing = json.dumps([{"path": "m.gguf", "size": 5, "oid": "a" * 40}]).encode()
    order = ordered(FILE, hub.locations(tmp_path))
    assert (COMMIT, "HEAD") == (order.path.parent.name, hub.seen[-1][0])
    hub.faults["HEAD"] = "etag x"
    hub.commit = ""
    with pytest.raises(ModelUnreadable, match="does not say which commit"):
        ordered(FILE, hub.locations(tmp_path))


def test_what_cannot_be_checked_is_said(hub: Hub, tmp_path: Path) -> None:
    """A list without checksums does not make a download silent; one without sizes makes none, if the file's answer has none."""
    hub.files["m.gguf"] = CONTENT
    hub.faults["/revision/"] = "status 404"
    hub.listing = json.dumps([{"path": "m.gguf", "size": 5}]).encode()
    assert "lists no checksum of m.gguf" in ordered(FILE, hub.locations(tmp_path)).notes[-1]
    hub.listing = json.dumps([{"path": "m.gguf"}]).encode()
    hub.faults["HEAD"] = "etag x"
    with pytest.raises(ModelUnreadable, match=r"does not say how large m\.gguf is"):
        ordered(FILE, hub.locations(tmp_path))


def test_a_file_tells_its_size_where_the_list_does_not(hub: Hub, tmp_path: Path) -> None:
    """And its checksum with it, which is checked as that of a list."""
    hub.files["m.gguf"] = CONTENT
    hub.faults["/revision/"] = "status 404"
    hub.listing = json.dumps([{"path": "m.gguf"}]).encode()
    locations = hub.locations(tmp_path)
    order = ordered(FILE, locations)
    (item,) = order.items
    assert (len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), ()) == (item.size, item.sha256, order.notes)
    hub.files["m.gguf"] = CONTENT[:-1] + b"x"
    with pytest.raises(ModelUnreadable, match="another checksum"):
        carry_out(order, locations, Recorder())


@pytest.mark.parametrize("linked", ["", "blobs", "snapshots", "refs"])
def test_a_link_out_of_the_cache_is_not_written_through(hub: Hub, tmp_path: Path, linked: str) -> None:
    """Whichever folder of the repository it is; what it leads to stays as it was."""
    hub.files["m.gguf"] = CONTENT
    locations, home = hub.locations(tmp_path), tmp_path / "hub" / f"models--{REPO.replace('/', '--')}"
    link = home / linked if linked else home
    link.parent.mkdir(parents=True)
    (tmp_path / "victim").mkdir()
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(ModelUnreadable, match="leads out of the cache"):
        ordered(FILE, locations)
    assert [] == list((tmp_path / "victim").iterdir())


def test_a_link_that_does_not_lead_out_is_followed(hub: Hub, tmp_path: Path) -> None:
    """The whole cache may be kept on another disk, and a repository under another name in it."""
    hub.files["m.gguf"] = CONTENT
    locations = hub.locations(tmp_path)
    (tmp_path / "disk/elsewhere").mkdir(parents=True)
    locations.hub_cache.symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / f"models--{REPO.replace('/', '--')}").symlink_to(tmp_path / "disk/elsewhere")
    order = ordered(FILE, locations)
    carry_out(order, locations, Recorder())
    assert CONTENT == order.path.read_bytes()


def test_what_is_here_whole_may_lie_behind_a_link(hub: Hub, tmp_path: Path) -> None:
    """Nothing is written then."""
    hub.files["m.gguf"] = CONTENT
    locations, home = hub.locations(tmp_path), tmp_path / "hub" / f"models--{REPO.replace('/', '--')}"
    carry_out(ordered(FILE, locations), locations, Recorder())
    home.rename(tmp_path / "moved")
    home.symlink_to(tmp_path / "moved")
    carry_out(ordered(FILE, locations), locations, Recorder())
    assert 0 == missing(ordered(FILE, locations))


def test_a_small_file_that_is_not_what_was_listed_is_removed(hub: Hub, tmp_path: Path) -> None:
    """The library fetches it, and its name in git is compared afterwards."""
    hub.files = weights.checkpoint_files()
    locations = hub.locations(tmp_path)
    order = ordered(f"hf:{REPO}", locations)
    hub.files["config.json"] = hub.files["config.json"][:-1] + b" "
    with pytest.raises(ModelUnreadable, match=r"config\.json arrived with another checksum"):
        carry_out(order, locations, Recorder())
    assert [] == list(tmp_path.rglob("config.json"))
    assert not (tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "refs" / "main").exists()


def test_a_hostile_list_is_refused(hub: Hub, tmp_path: Path) -> None:
    """Although the file that was asked for has a good name."""
    hub.files = {"m.gguf": CONTENT, "../../.bashrc": b"x"}
    with pytest.raises(ModelUnreadable, match="leads out of its folder; nothing of it is downloaded"):
        ordered(FILE, hub.locations(tmp_path))


def test_a_repository_that_is_not_there_names_the_nearest(hub: Hub, tmp_path: Path) -> None:
    """By the hub's own search, which sees a part of the name."""
    hub.found = ("owner/modle-GGUF", "owner/model-GGUF", "someone/else")
    with pytest.raises(ModelNotFound, match="did you mean hf:owner/model-GGUF or hf:owner/modle-GGUF") as caught:
        ordered("hf:owner/modell-GGUF", hub.locations(tmp_path))
    assert "has no hf:owner/modell-GGUF" in caught.value.message
    hub.faults["/api/models"] = "status 404"
    with pytest.raises(ModelNotFound, match=r"if it is private$"):
        ordered("hf:owner/modell-GGUF", hub.locations(tmp_path))


def test_a_hub_that_hides_what_is_not_there(hub: Hub, tmp_path: Path) -> None:
    """Hugging Face answers 401 for an unknown repository, with a word that says what is meant."""
    hub.faults[f"/api/models/{REPO}"] = "code 401 RepoNotFound"
    with pytest.raises(ModelNotFound, match="give HF_TOKEN a token if it is private"):
        ordered(FILE, hub.locations(tmp_path))


def test_a_file_that_is_not_there_names_the_nearest(hub: Hub, tmp_path: Path) -> None:
    """Among the weights of the repository."""
    hub.files["model-Q4_K_M.gguf"] = CONTENT
    with pytest.raises(ModelNotFound, match=r"did you mean model-Q4_K_M\.gguf"):
        ordered(f"hf:{REPO}/model-Q4KM.gguf", hub.locations(tmp_path))


def test_the_token_is_sent_over_https_and_loopback_only(hub: Hub, tmp_path: Path) -> None:
    """To this machine or by https; a hub elsewhere by http does not get it, which is said."""
    hub.files["m.gguf"] = CONTENT
    assert () == ordered(FILE, hub.locations(tmp_path)).notes
    assert {"Bearer hf_secret"} == {headers.get("authorization") for _, _, headers in hub.seen}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", hub.url)
        order = plan_hub_download(
            HubReference(REPO, "m.gguf"), replace(hub.locations(tmp_path / "b"), hub="http://hub.example")
        )
    assert "your token is not sent to http://hub.example" in order.notes[0]
    assert not any("authorization" in headers for _, path, headers in hub.seen if "hub.example" in path)


def test_offline_the_last_list_will_do(hub: Hub, tmp_path: Path) -> None:
    """What was listed once can be looked for in the cache; what was not cannot."""
    hub.files["m.gguf"] = CONTENT
    locations = hub.locations(tmp_path)
    items = ordered(FILE, locations).items
    hub.seen.clear()
    order = ordered(FILE, replace(locations, offline=True))
    assert (items, []) == (order.items, hub.seen)
    assert "last time" in order.notes[0]
    with pytest.raises(HubUnreachable):
        ordered(FILE, replace(locations, offline=True, headers=tmp_path / "none"))
