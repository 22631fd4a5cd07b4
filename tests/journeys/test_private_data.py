"""Private data in requests that may leave this machine: kept here, masked there, or refused, whatever the client speaks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostd.supervisor.launch import free_port
from tests.journeys.cloud_provider import Provider, cloud, provider, serving_cloud
from tests.journeys.host import Host, Reply, profile, until, write_files

SECRETS = ("anna@example.com", "4111 1111 1111 1111", "Project Falcon", "ghp_abcdefghijklmnopqrstuvwxyz0123456789")
TEXT = f"Write to {SECRETS[0]} about {SECRETS[2]}: card {SECRETS[1]}, token {SECRETS[3]}. [1]"
MASKING = {"scan": "mask", "words": ["project falcon"], "kinds": {"national_id": "block", "iban": "stay-local"}}


@pytest.fixture(scope="module")
def vendors() -> Iterator[tuple[Provider, Provider]]:
    """Two providers that say what they are told, in pieces of three characters; one speaks Anthropic's dialect."""
    with provider() as chat, provider(program="scripted_anthropic") as messages:
        yield chat, messages


@pytest.fixture(scope="module")
def shared(vendors: tuple[Provider, Provider], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon that masks, with a local model behind each of the cloud's."""
    chat, messages = vendors
    profiles = (
        profile("local"),
        cloud("chat", chat.url, fallback=["local"]),
        cloud("messages", messages.url, fallback=["local"], provider="anthropic"),
        cloud("alone", chat.url),
    )
    with serving_cloud(tmp_path_factory.mktemp("private"), *profiles, privacy=MASKING) as running:
        yield running


@pytest.fixture
def host(shared: Host, vendors: tuple[Provider, Provider]) -> Host:
    """The daemon, with providers that repeat what they are asked."""
    for each in vendors:
        each.script(echo=3)
    return shared


def _sent(vendors: tuple[Provider, Provider]) -> str:
    """Return all that has left the machine so far."""
    return json.dumps([each.asked() for each in vendors], ensure_ascii=False)


def _ask(host: Host, dialect: str, model: str, text: str, *, stream: bool) -> Reply:
    """Ask in one of the dialects."""
    messages = [{"role": "user", "content": text}]
    paths: dict[str, tuple[str, dict[str, Any]]] = {
        "openai": ("/v1/chat/completions", {"messages": messages}),
        "responses": ("/v1/responses", {"input": text}),
        "anthropic": ("/v1/messages", {"messages": messages, "max_tokens": 1000}),
        "ollama": ("/api/chat", {"messages": messages}),
    }
    path, body = paths[dialect]
    return host.post(path, {"model": model, "stream": stream, **body})


def _texts(reply: Reply) -> str:
    """Return the text of an answer in any dialect, streamed or not."""
    if reply.headers["Content-Type"].startswith("application/json"):
        documents = [reply.json]
    else:
        lines = (line.removeprefix("data:").strip() for line in reply.body.decode().split("\n"))
        documents = [json.loads(line) for line in lines if line.startswith("{")]
    return "".join(map(_text, documents))


def _text(document: dict[str, Any]) -> str:
    """Return what one event, or a whole answer, says."""
    if "choices" in document:
        return "".join(
            (each.get("delta") or each.get("message") or {}).get("content") or "" for each in document["choices"]
        )
    if document.get("object") == "response":
        return "".join(part["text"] for item in document["output"] for part in item.get("content", ()))
    if "message" in document and "done" in document:
        return str(document["message"]["content"])
    if document.get("type") == "message":
        return "".join(block.get("text", "") for block in document["content"])
    delta = document.get("delta", "")
    return str(delta.get("text", "")) if isinstance(delta, dict) else str(delta)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["chat", "messages"])
@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "ollama"])
def test_masked_data_stays_and_the_answer_has_it_again(
    host: Host, vendors: tuple[Provider, Provider], dialect: str, model: str, stream: bool
) -> None:
    """Every dialect before a provider of either kind: the cloud sees placeholders, the client its own words."""
    reply = _ask(host, dialect, model, TEXT, stream=stream)
    assert (200, TEXT) == (reply.status, _texts(reply))
    assert reply.headers["x-hostd-model"] == model
    assert reply.headers["x-hostd-private-data"] == "mask; found=card,email,secret,word"
    sent = _sent(vendors)
    assert "[EMAIL_" in sent
    assert not any(secret in sent for secret in SECRETS)


def test_what_may_not_be_masked_is_answered_here_or_refused(host: Host, vendors: tuple[Provider, Provider]) -> None:
    """A kind that must stay goes to the local model, and where there is none, the error names the kind and not the value."""
    account, number = "DE89 3704 0044 0532 0130 00", "914-27-6083"
    reply = host.chat("chat", f"pay to {account}")
    assert (200, "local", "fallback:privacy") == (
        reply.status,
        reply.headers["x-hostd-model"],
        reply.headers["x-hostd-route"],
    )
    refused = host.chat("alone", f"pay to {account}")
    assert 403 == refused.status
    assert "iban" in refused.json["error"]["message"]
    blocked = host.chat("chat", f"I am {number}")
    assert (403, "private_data") == (blocked.status, blocked.json["error"]["code"])
    assert "national_id" in blocked.json["error"]["message"]
    assert host.chat("local", f"I am {number}").status == 200
    for said in (_sent(vendors), refused.body.decode(), blocked.body.decode(), host.output.read_text()):
        assert account not in said
        assert number not in said


def test_pictures_stay_here(host: Host, vendors: tuple[Provider, Provider]) -> None:
    """No scanner reads them; a model that sees none refuses them, and the cloud's is not asked."""
    before = len(_sent(vendors))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    reply = host.post("/v1/chat/completions", {"model": "alone", "messages": [{"role": "user", "content": [picture]}]})
    assert 400 <= reply.status < 500
    assert before == len(_sent(vendors))


def test_tokens_are_not_counted_by_a_provider(host: Host, vendors: tuple[Provider, Provider]) -> None:
    """A count is no reason to send a prompt away unread."""
    before = len(_sent(vendors))
    reply = host.post(
        "/v1/messages/count_tokens", {"model": "messages", "messages": [{"role": "user", "content": TEXT}]}
    )
    assert reply.status == 200
    assert before == len(_sent(vendors))


def test_a_scan_that_is_switched_on_by_a_reload_holds_for_the_next_request(
    vendors: tuple[Provider, Provider], tmp_path: Path
) -> None:
    """Before it, nothing is looked for; after it, nothing private leaves."""
    vendors[0].script(echo=9)
    before = (cloud("chat", vendors[0].url), profile("local"))
    with serving_cloud(tmp_path, *before) as host:
        write_files(tmp_path, *before, privacy={"scan": "block"})
        assert host.post("/hostd/v1/reload", {}).status == 200
        until(lambda: host.chat("chat", "anna.reload@example.com").status == 403)
        assert host.chat("chat", "nothing to see").status == 200
    assert "anna.reload" not in _sent(vendors)


@pytest.mark.parametrize("stream", [False, True])
def test_what_goes_on_from_a_response_that_was_kept_here_stays_here(
    vendors: tuple[Provider, Provider], tmp_path: Path, *, stream: bool
) -> None:
    """Also after the owner has switched the scan off: the response remembers that it must not leave."""
    profiles = (cloud("chat", vendors[0].url, fallback=["local"]), cloud("alone", vendors[0].url), profile("local"))
    kept = {"state": {"keep": "1h"}}
    with serving_cloud(tmp_path, *profiles, privacy={"scan": "stay-local"}, **kept) as host:
        reply = host.post("/v1/responses", {"model": "chat", "input": "pay GB29NWBK60161331926819", "stream": stream})
        assert (200, "local") == (reply.status, reply.headers["x-hostd-model"])
        found = re.search(rb'"id": ?"(resp_[^"]+)"', reply.body)
        assert found is not None
        write_files(tmp_path, *profiles, **kept)
        assert host.post("/hostd/v1/reload", {}).status == 200
        further = {"model": "alone", "input": "and now?", "previous_response_id": found[1].decode()}
        assert host.post("/v1/responses", further).status == 403
    assert "GB29NWBK" not in _sent(vendors)


@pytest.mark.parametrize("stream", [False, True])
def test_what_an_answer_brings_is_masked_from_the_next_turn_on(
    vendors: tuple[Provider, Provider], tmp_path: Path, *, stream: bool
) -> None:
    """Answers come as they are. What they and tools have brought is masked where the conversation goes on, a kept one, too."""
    brought, result = "bob.new@example.org", "eve.new@example.org"
    profiles = (cloud("chat", vendors[0].url), profile("local"))
    with serving_cloud(tmp_path, *profiles, privacy={"scan": "mask"}, state={"keep": "1h"}) as host:
        vendors[0].script(tool=json.dumps({"to": brought}))
        first = host.post("/v1/responses", {"model": "chat", "input": "write to Bob", "stream": stream})
        assert brought in first.body.decode()
        call, kept = (re.search(form, first.body) for form in (rb'"call_id": ?"([^"]+)"', rb'"id": ?"(resp_[^"]+)"'))
        assert call is not None
        assert kept is not None
        before = len(vendors[0].asked())
        vendors[0].script(echo=4)
        output = {"type": "function_call_output", "call_id": call[1].decode(), "output": f"sent, cc {result}"}
        then = host.post(
            "/v1/responses",
            {"model": "chat", "input": [output], "previous_response_id": kept[1].decode(), "stream": stream},
        )
        assert (200, "mask; found=email") == (then.status, then.headers["x-hostd-private-data"])
        assert result in _texts(then)
        (asked,) = vendors[0].asked()[before:]
    sent = json.dumps(asked)
    assert 2 == len(set(re.findall(r"\[EMAIL_[0-9a-f]{8}\]", sent)))
    assert not any(value in sent for value in (brought, result))


@pytest.fixture
def benchmarked(tmp_path: Path) -> Iterator[tuple[Host, int]]:
    """A daemon that masks before a provider at a port where `pii-leak-benchmark` is to listen."""
    pytest.importorskip("pii_leak_benchmark")
    port = free_port()
    variant = {
        "backend": "cloud",
        "provider": "another",
        "model": "m",
        "url": f"http://127.0.0.1:{port}/v1",
        "api_key": "k",
    }
    served = {"name": "any", "aliases": ["*"], "variants": [variant]}
    with serving_cloud(tmp_path, served, privacy={"scan": "mask"}) as host:
        yield host, port


def _benchmark(*arguments: str) -> None:
    argv = [sys.executable, "-m", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("stream", ["selfcheck", "ci"])
def test_the_benchmark_of_leaks_finds_none(benchmarked: tuple[Host, int], tmp_path: Path, stream: str) -> None:
    """`pii-leak-benchmark`: nothing reaches its capture, and the answers come back whole, split over one character each."""
    host, port = benchmarked
    argv = [stream, "--target-base-url", f"{host.url}/v1", "--capture-port", str(port)]
    _benchmark("pii_leak_benchmark.cli", *argv, *(["--out", str(tmp_path / "out")] if stream == "ci" else []))


def test_the_benchmark_of_answers_gets_its_values_back(benchmarked: tuple[Host, int], tmp_path: Path) -> None:
    """Its second profile: nothing leaves by any of its sites, and what is echoed comes back however it is split and written.

    What its answers bring of their own goes through: answers are the provider's words, and scanned from the next turn on.
    """
    host, port = benchmarked
    summary = tmp_path / "summary.json"
    argv = ["--only", "hostd", "--gateway-url", f"{host.url}/v1/chat/completions", "--upstream-port", str(port)]
    _benchmark("pii_leak_benchmark.v2_emitter", *argv, "--out", str(tmp_path / "out"), "--json-out", str(summary))
    (row,) = json.loads(summary.read_text())["rows"]
    assert ([], 1.0) == (row["request_path_leak"], row["fidelity_rate"])
    assert (32, 0) == (row["cases_applicable"], row["inconclusive"])
    assert row["echo_observable"] > 0
