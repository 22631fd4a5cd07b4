"""What the demonstration models can really do, found out by the real engine, and found again after a restart."""

import json
from pathlib import Path
from typing import Any

from tests.journeys.host import Host, profile, serving, until
from tests.journeys.test_whole_answers import TEMPLATE


def found(host: Host, model: str) -> dict[str, Any]:
    """Return what was found of *model*, once all of it is."""

    def whole() -> Any:
        probed = host.get(f"/hostd/v1/models/{model}").json["probed"]
        return probed if {"thinking", "embeddings"} <= probed.keys() or (model == "vectors" and probed) else None

    said: dict[str, Any] = until(whole)
    return said


def models(folder: Path) -> list[dict[str, Any]]:
    """Return a model as it is, one whose template has tools, and one that makes embeddings."""
    if not (folder / "tools.jinja").exists():
        # Another template would make another model.
        (folder / "tools.jinja").write_text(TEMPLATE, "utf-8")
    return [
        profile("plain"),
        profile("caller", args={"threads": 1, "chat-template-file": str(folder / "tools.jinja")}),
        profile(
            "vectors", "tiny-story.gguf", args={"threads": 1, "pooling": "mean"}, capabilities={"embeddings": True}
        ),
    ]


def test_is_found_by_itself_and_kept(tmp_path: Path) -> None:
    """A small model calls no tools of its own accord, and can be held to a schema; it does not think."""
    with serving(tmp_path, *models(tmp_path), warm={"probe": True}) as host:
        plain, caller, vectors = (found(host, name) for name in ("plain", "caller", "vectors"))
        assert {"yes"} == {vectors["embeddings"]["verdict"]}
        assert ("no", "no", "no") == tuple(plain[name]["verdict"] for name in ("tools", "thinking", "vision"))
        assert "yes" == plain["json_schema"]["verdict"]
        # Where llama-server lets words precede a forced call, this model finds no end of them.
        assert "no" == caller["tools"]["verdict"]
        assert "no" != caller["forced_tools"]["verdict"]
        listed = host.get("/v1/models/caller").json["hostd_capabilities"]
        assert (False, True, "false") == (listed["tools"], listed["json_schema"], listed["thinking"])
        # None of it counts as a request.
        assert [] == host.get("/hostd/v1/requests?last=50").json["past"]
        assert 0 == host.row("plain")["in_flight"]
    with serving(tmp_path, *models(tmp_path), warm={"probe": True}) as host:
        assert caller == found(host, "caller")
        assert plain == found(host, "plain")
        assert '"event": "probed"' not in host.output.read_text("utf-8")


def test_the_owner_may_ask(tmp_path: Path) -> None:
    """By the command line, of a model that is not loaded, and which nothing asks by itself."""
    with serving(tmp_path, profile("plain", warm={"preload": False})) as host:
        shown = host.cli("probe", "plain", "--json")
        assert 0 == shown.returncode, shown.stderr
        told = json.loads(shown.stdout)
        assert ("no", "yes") == (told["probed"]["tools"]["verdict"], told["probed"]["json_schema"]["verdict"])
        assert "ready" == host.row("plain")["state"]
        table = host.cli("probe", "plain")
        assert (0, True) == (table.returncode, "tools" in table.stdout)
        assert "no (" in host.cli("show", "plain").stdout
        assert 5 == host.cli("probe", "nothing").returncode
