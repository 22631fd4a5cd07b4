"""Models that make no text: one that ranks, and one that makes decisions, both served by the real engine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.host import Host, profile, serving

SCRIPTS = Path(__file__).parents[2] / "scripts"
DOCUMENTS = ["bad", "good good", "good luck"]
QUESTIONS = {
    "kind": {"type": "choice", "instructions": "Which?", "criteria": {"a": "the first", "b": "the second"}},
    "sure": {"type": "noul", "instructions": "Is it so?"},
}


def served(name: str, path: Path, **more: Any) -> dict[str, Any]:
    """Return a profile for the model at *path*."""
    return profile(name, variants=[{"backend": "llamacpp", "path": str(path)}], context=512, **more)


def made(maker: str, target: Path) -> Path:
    """Return *target*, a model that the *maker* of that name has written; a process of its own, since it is large."""
    pytest.importorskip("gguf")
    write = (
        f"import sys, pathlib; from demo_models.{maker}_model import write_{maker} as w; w(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", write, str(target)], check=True, cwd=SCRIPTS)
    return target


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model for each task, and one that chats."""
    folder = tmp_path_factory.mktemp("tasks")
    ranks = served("ranks", made("ranking", folder / "r.gguf"), aliases=["rerank"], capabilities={"rerank": True})
    decides = served("decides", made("decision", folder / "d.gguf"), capabilities={"decisions": True})
    with serving(folder, ranks, decides, profile("chat", fallback=["ranks"])) as running:
        yield running


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank", "/v2/rerank"])
def test_texts_are_ranked(host: Host, path: str) -> None:
    """By the share of a word that this model knows; the best first."""
    said = host.post(path, {"model": "ranks", "query": "a", "documents": DOCUMENTS, "top_n": 2})
    assert (200, "ranks") == (said.status, said.headers["x-hostd-model"])
    assert [1, 2] == [each["index"] for each in said.json["results"]]
    assert said.json["usage"]["total_tokens"] > 0


def test_a_list_is_the_answer_to_texts(host: Host) -> None:
    """Such requests name no model: the one that is called so answers."""
    said = host.post("/rerank", {"query": "a", "texts": DOCUMENTS, "return_text": True})
    assert ["good good", "good luck", "bad"] == [each["text"] for each in said.json]


def test_what_cannot_be_ranked_says_so(host: Host) -> None:
    """A model that does not rank, one that is not there, no texts, and one that is too long."""
    texts = {"query": "a", "documents": DOCUMENTS}
    chat = host.post("/v1/rerank", {"model": "chat", **texts})
    assert (200, "fallback:unfit") == (chat.status, chat.headers["x-hostd-route"])
    decides = host.post("/v1/rerank", {"model": "decides", **texts})
    assert (400, "unfit") == (decides.status, decides.json["error"]["code"])
    assert 404 == host.post("/v2/rerank", {"model": "rank", **texts}).status
    assert "nearest" not in host.post("/v2/rerank", {"model": "ranks", "query": "a", "documents": []}).json["message"]
    long = host.post("/v1/rerank", {"model": "ranks", "query": "a", "documents": ["good " * 600]})
    assert (400, "context_length_exceeded") == (long.status, long.json["error"]["code"])


def test_questions_are_decided(host: Host) -> None:
    """With a probability for each option."""
    said = host.post("/v1/systemone", {"model": "decides", "state": "It is so.", "questions": QUESTIONS})
    assert (200, "decides") == (said.status, said.json["model"])
    assert set(QUESTIONS) == set(said.json["answers"])
    assert 1.0 == pytest.approx(sum(said.json["answers"]["kind"]["probabilities"].values()))


def test_what_cannot_be_decided_says_so(host: Host) -> None:
    """A model that does not decide, and a question of no type."""
    chat = host.post("/v1/systemone", {"model": "chat", "state": "x", "questions": QUESTIONS})
    assert (400, "unfit") == (chat.status, chat.json["error"]["code"])
    odd = host.post("/v1/systemone", {"model": "decides", "state": "x", "questions": {"a": {"type": "odd"}}})
    assert odd.status in (400, 422)


def test_an_attached_server_does_the_same(host: Host, tmp_path: Path) -> None:
    """Whatever it is; one that has no route for a task is found out when it is attached."""

    def attached(name: str, **can: bool) -> dict[str, Any]:
        variants = [{"backend": "openai", "url": f"{host.url}/v1", "model": name}]
        return profile(f"far-{name}", variants=variants, args={}, capabilities=can)

    far = attached("chat", decisions=True)
    with serving(tmp_path, attached("ranks", rerank=True), attached("decides", decisions=True), far) as second:
        ranked = second.post("/v2/rerank", {"model": "far-ranks", "query": "a", "documents": DOCUMENTS, "top_n": 1})
        assert (200, [1]) == (ranked.status, [each["index"] for each in ranked.json["results"]])
        decided = second.post("/v1/systemone", {"model": "far-decides", "state": "x", "questions": QUESTIONS})
        assert (200, "far-decides") == (decided.status, decided.json["model"])
        unable = second.post("/v1/systemone", {"model": "far-chat", "state": "x", "questions": QUESTIONS})
        assert (503, "load_failed") == (unable.status, unable.json["error"]["code"])
