"""Bodies of requests: what they name is not fetched, rendered or run, and engines get the members that are listed."""

import base64
import json
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.security.conftest import Target
from tests.security.wire import request, send

CHAT = "/v1/chat/completions"
PIXEL = (
    "data:image/png;base64,"
    + base64.b64encode(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
        )
    ).decode()
)
SAID = [{"role": "user", "content": "hello"}]


@contextmanager
def bait() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Give the URL of a server on this machine, and whether anything has connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield (
            f"http://127.0.0.1:{listening.getsockname()[1]}/x",
            lambda: bool(select.select([listening], [], [], 0.2)[0]),
        )


def _part(url: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]}
    ]


URLS = (
    *(
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
    ),
    *(
        "http://[::1]:1/",
        "ftp://x/y",
        "gopher://x",
        "//evil.test/x",
        "/etc/passwd",
        "http:\\\\evil.test",
        " data:x",
        "javascript:1",
    ),
)


@pytest.mark.parametrize("url", URLS)
def test_no_picture_is_fetched(target: Target, url: str) -> None:
    """R13, CVE-2026-24779 and CVE-2025-6242 (vLLM): a picture's URL led to what only this machine reaches.

    Off by default, in every dialect.
    """
    asked = [
        (CHAT, {"model": "seen", "messages": _part(url)}),
        (
            "/v1/responses",
            {"model": "seen", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]},
        ),
        (
            "/v1/messages",
            {
                "model": "seen",
                "max_tokens": 4,
                "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": url}}]}],
            },
        ),
    ]
    before = len(target.seen())
    for path, body in asked:
        assert 400 == target.host.post(path, body).status, path
    assert before == len(target.seen())


def test_other_media_are_held_to_the_same(target: Target) -> None:
    """R13, CVE-2026-22778 (vLLM): video and sound are fetched by the same code."""
    for kind in ("video_url", "audio_url", "file_url"):
        content = [{"type": kind, kind: {"url": "http://169.254.169.254/"}}]
        assert (
            400 == target.host.post(CHAT, {"model": "seen", "messages": [{"role": "user", "content": content}]}).status
        )


def test_what_comes_along_is_passed_on(target: Target) -> None:
    """R13: a picture that stands in the request itself is fetched from nowhere."""
    assert 200 == target.host.post(CHAT, {"model": "seen", "messages": _part(PIXEL), "max_tokens": 2}).status
    assert PIXEL in str(target.seen()[-1]["body"])


DOUBTFUL = {
    "chat_template": "{{ ''.__class__.__mro__ }}",
    "chat_template_kwargs": {"chat_template": "x", "tokenize": True},
    "lora": [{"id": 0, "scale": 9}],
    "lora_path": "/etc/passwd",
    "lora_request": {"path": "/"},
    "adapters": ["/"],
    "id_slot": 1,
    "slot_id": 1,
    "n_discard": -1,
    "n_keep": -1,
    "cache_prompt": False,
    "speculative.n_max": 9,
    "api_base": "http://evil.test",
    "base_url": "http://evil.test",
    "api_key": "sk-x",
    "user_config": {"a": 1},
    "extra_body": {"a": 1},
    "extra_headers": {"X": "y"},
    "headers": {"X": "y"},
    "mock_response": "x",
    "kv_transfer_params": {"remote_host": "evil.test"},
    "custom_logit_processor": "x",
    "ttl": 1,
    "draft_model": "x",
    "command": ["touch", "injected"],
    "args": {"x": "y"},
    "env": {"LD_PRELOAD": "/x"},
    "plugins": ["x"],
    "mcp": {"command": "x"},
    "grammar_file": "/etc/passwd",
    "json_schema_file": "/etc/passwd",
    "mm_processor_kwargs": {"a": 1},
    "documents_url": "x",
    "response_fields": ["x"],
    "timings_per_token": True,
    "media_io_kwargs": {"video": {"fps": 9999}},
    "__proto__": {"a": 1},
}


def test_only_listed_members_reach_an_engine(target: Target) -> None:
    """R17, CVE-2026-21869 (llama-server: `n_discard` below zero wrote out of bounds); R14, CVE-2026-115911 (vLLM.

    Templates of requests); R22, CVE-2024-6587 (LiteLLM: `api_base` got the provider's key). All of it stops here, and the
    answer says what was left out.
    """
    reply = target.host.post(CHAT, {"model": "seen", "messages": SAID, "max_tokens": 2, "temperature": 0.5} | DOUBTFUL)
    assert 200 == reply.status
    arrived = json.loads(str(target.seen()[-1]["body"]))
    own = {"chat_template_kwargs", "stream", "stream_options", "return_progress"}
    assert set(arrived) <= {"model", "messages", "max_tokens", "temperature"} | own
    assert not arrived.get("chat_template_kwargs")
    assert "chat_template" in reply.headers["x-hostd-left-out"]


def test_headers_and_queries_of_a_client_stay_here(target: Target) -> None:
    """R22: what a client sends beside its body is nothing for an engine, least of all a key."""
    path = f"{CHAT}?api_base=http://evil.test"
    more = {
        "Authorization": "Bearer sk-of-a-client",
        "X-Api-Key": "sk-of-a-client",
        "Cookie": "a=b",
        "X-Forwarded-For": "1.2.3.4",
    }
    assert 200 == target.host.post(path, {"model": "seen", "messages": SAID, "max_tokens": 2}, more).status
    last = json.dumps(target.seen()[-1])
    for word in ("sk-of-a-client", "evil.test", "1.2.3.4", "a=b"):
        assert word not in last


def test_no_url_of_a_request_is_asked(target: Target) -> None:
    """R11, CVE-2026-5530 (Ollama) and CVE-2026-59707 (LocalAI): a pull or a gallery was fetched from where the request said.

    Nothing connects.
    """
    with bait() as (url, was_asked):
        fields = (
            "url",
            "model",
            "from",
            "name",
            "source",
            "insecure",
            "registry",
            "gallery",
            "api_base",
            "callback_url",
            "webhook",
        )
        for path in (
            "/api/pull",
            "/api/create",
            "/api/push",
            "/api/show",
            CHAT,
            "/v1/responses",
            "/hostd/v1/models/chat/probe",
        ):
            for body in (
                dict.fromkeys(fields, url),
                dict.fromkeys(fields, url) | {"model": "seen", "messages": SAID, "stream": False},
            ):
                target.host.post(path, body)
        headers = dict.fromkeys(("Referer", "X-Forwarded-Host", "X-Original-URL", "Forwarded", "X-Hostd-Session"), url)
        target.host.post(CHAT, {"model": "seen", "messages": SAID, "max_tokens": 1}, headers)
        assert not was_asked()


def test_models_are_neither_made_nor_sent_away(target: Target) -> None:
    """R6, CVE-2026-7482 ("Bleeding Llama", Ollama).

    A crafted file was brought in by /api/create, and what it read of the memory taken out by /api/push.
    """
    asked = [("POST", "/api/create"), ("POST", "/api/push"), ("POST", "/api/copy"), ("DELETE", "/api/delete")]
    asked += [("POST", "/api/blobs/sha256:" + "0" * 64)]
    for method, path in asked:
        assert 403 == send(target.address, request(method, path, body=b'{"model": "chat"}')).status
    # Whether a blob is there is told to nobody, so that nothing can be brought in in its place.
    assert 405 == send(target.address, request("GET", "/api/blobs/sha256:" + "0" * 64)).status


NAMES = (
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "chat/../hostile",
    "C:\\x",
    "..\\..\\x",
    "sha256:../../x",
    "chat%00",
    "file:///x",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_lead_nowhere(target: Target, name: str) -> None:
    """R7, CVE-2024-37032 ("Probllama") and CVE-2026-103663 (Ollama): a digest or name with `..` was a path.

    Names are looked up in a table.
    """
    for path in (
        f"/hostd/v1/models/{name}",
        f"/v1/models/{name}",
        f"/hostd/v1/models/{name}/logs",
        f"/v1/responses/{name}",
    ):
        reply = send(target.address, request("GET", path.replace("\\", "%5c")))
        assert reply.status in {400, 404}, path
        assert b"root:" not in reply.body
    for path in (CHAT, "/api/show", "/api/generate"):
        assert target.host.post(path, {"model": name, "messages": SAID, "prompt": "x"}).status in {400, 404}


def test_a_file_that_is_there_looks_like_one_that_is_not(target: Target) -> None:
    """R7, CVE-2024-39722 (Ollama): the error told whether a file exists."""
    there, gone = str(target.folder / "hostd.yaml"), str(target.folder / "hostd.yamm")
    said = [target.host.post("/api/show", {"model": each}).json for each in (there, gone)]
    assert json.dumps(said[0]).replace(there, "X") == json.dumps(said[1]).replace(gone, "X")


OUT_OF_BOUNDS: dict[str, Any] = {
    "n": 10**9,
    "best_of": 10**6,
    "max_tokens": 2**63,
    "logprobs": 10**9,
    "top_logprobs": 10**9,
    "repeat_last_n": 2**40,
    "stop": ["x"] * 5000,
    "logit_bias": {str(each): 1 for each in range(20_000)},
    "tools": [{"type": "function"}] * 5000,
    "grammar": "root ::= " + "(" * 50_000 + '"a"' + ")" * 50_000,
    "samplers": ["x"] * 5000,
    "json_schema": {"type": "string", "pattern": "^((a{0,500}){0,500}){0,500}$"},
}


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_what_would_keep_an_engine_busy_is_refused(target: Target, name: str) -> None:
    """R15, CVE-2026-34756 (vLLM.

    A huge `n` stood the loop still), and llama-server, which a nested grammar ends. 400 with the name of the member.
    """
    pid = target.host.row("chat")["pid"]
    reply = target.host.post(CHAT, {"model": "chat", "messages": SAID, name: OUT_OF_BOUNDS[name]})
    assert (400, name) == (reply.status, reply.json["error"]["param"])
    assert pid == target.host.row("chat")["pid"]


def test_commands_are_the_owners_to_name(target: Target) -> None:
    """R21, CVE-2026-42271 (LiteLLM): a test of a connection took a command. No route does: what is sent along is not looked at."""
    mark = target.folder / "started"
    order = {
        "command": ["touch", str(mark)],
        "backend": "llamacpp",
        "args": {"log-file": str(mark)},
        "env": {"X": "y"},
        "path": str(mark),
    }
    for path in ("load", "probe", "unload"):
        target.host.post(f"/hostd/v1/models/hostile/{path}?command=touch&path={mark}", order)
    assert 404 == target.host.post("/hostd/v1/models/new/load", order).status
    assert 405 == send(target.address, request("PUT", "/hostd/v1/models/chat", body=json.dumps(order).encode())).status
    assert not mark.exists()


def test_a_name_of_a_file_is_no_command(target: Target) -> None:
    """R20, CVE-2024-2029 (LocalAI): a file's name reached a shell.

    The model's folder here is called `a; touch $(touch injected) ...`.
    """
    assert "ready" == target.host.row("chat")["state"] or 200 == target.host.chat("chat").status
    for folder in (target.folder, Path.cwd(), Path("/")):
        assert [] == list(folder.glob("**/injected") if folder == target.folder else folder.glob("injected"))
