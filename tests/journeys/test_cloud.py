"""Cloud models beside local ones, over real TLS: who answers, why, what it costs, and what never leaves this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import psutil
import pytest

from tests.journeys.cloud_provider import KEY, Provider, cloud, forward_proxy, provider, serving_cloud
from tests.journeys.host import Host, Reply, profile, until

COST = "0.00204000"
"""Of a thousand tokens of prompt at 2 USD, and five of answer at 8 USD, per million."""
SLOW = {"limits": {"first_token_timeout": "1s", "queue_timeout": "5s"}}
GONE = {"variants": [{"backend": "llamacpp", "path": "/gone/model.gguf"}]}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Provider]:
    """The provider."""
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def shared(vendor: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with cloud and local models that stand in for each other."""
    profiles = (
        profile("local"),
        profile("broken", fallback=["cloud"]) | GONE,
        profile("confidant", fallback=["cloud"], privacy="local") | GONE,
        cloud("cloud", vendor.url, fallback=["local"], **SLOW),
        cloud("alone", vendor.url),
        cloud("sibling", vendor.url, limits={"queue_timeout": "20s"}),
        cloud("elsewhere", vendor.url, provider="another", fallback=["local"]),
        cloud("vectors", vendor.url, capabilities={"embeddings": True}),
    )
    roles = {"planner": ["cloud", "local"], "careful": ["local", "cloud"]}
    with serving_cloud(tmp_path_factory.mktemp("cloud"), *profiles, roles=roles) as running:
        yield running


@pytest.fixture
def host(shared: Host, vendor: Provider) -> Iterator[Host]:
    """The daemon, and the provider without a script."""
    vendor.script()
    yield shared
    vendor.script()
    # What a test has had the provider refuse is over before the next.
    until(lambda: shared.chat("alone").status == 200)
    # So are the failures that a circuit breaker counts.
    for model in ("cloud", "alone"):
        for order in ("unload", "load"):
            assert 200 == shared.post(f"/hostd/v1/models/{model}/{order}", {}).status


def stream(host: Host, model: str) -> Reply:
    """Ask for a stream."""
    return host.chat(model, stream=True)


def came_from(reply: Reply) -> tuple[str, str, str]:
    """Return who answered, from where, and why."""
    return reply.headers["x-hostd-model"], reply.headers["x-hostd-backend"], reply.headers["x-hostd-route"]


def test_a_cloud_answer_says_so(host: Host, vendor: Provider) -> None:
    """In its headers, with what it costs; the provider was asked in its own words, with its own key."""
    reply = host.post(
        "/v1/chat/completions",
        {"model": "cloud", "messages": [{"role": "user", "content": "Hi"}]},
        {"Authorization": "Bearer sk-of-the-client"},
    )
    assert 200 == reply.status
    assert ("cloud", "cloud", "primary") == came_from(reply)
    assert COST == reply.headers["x-hostd-cost-usd"]
    assert "cloud" == reply.json["model"]
    assert "The sky is blue." == reply.json["choices"][0]["message"]["content"]
    asked = vendor.asked()[-1]
    assert ("/v1/chat/completions", f"Bearer {KEY}", "big-1") == (asked["path"], asked["key"], asked["body"]["model"])


def test_it_is_seen_everywhere(host: Host) -> None:
    """In ``ps`` it is ready before anybody asks, without a process or memory; log, metrics and records have its cost."""
    row = host.row("sibling")
    assert ("cloud", "ready", None, {}) == (row["backend"], row["state"], row["pid"], row["pool_bytes"])
    before = paid(host)
    assert 200 == stream(host, "sibling").status
    assert 200 == host.chat("sibling").status
    until(lambda: paid(host) == pytest.approx(before + 2 * float(COST)))
    # A thread writes the log, so that a line of it may come later than the metric.
    until(lambda: [("cloud", float(COST))] * 2 == logged(host), 10.0)


def logged(host: Host) -> list[tuple[str, float]]:
    """Return the backends and costs of the answers of ``sibling``, by the log."""
    lines = [json.loads(line) for line in host.output.read_text().splitlines() if '"request"' in line]
    requests = [line for line in lines if line["event"] == "request" and line["model"] == "sibling"]
    return [(line["backend"], line.get("cost_usd")) for line in requests]


def paid(host: Host) -> float:
    """Return what the answers of ``sibling`` have cost, by the metrics."""
    lines = host.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith('hostd_cost_usd_total{model="sib'))


def test_the_official_client_reads_it(host: Host) -> None:
    """Whole and streamed, with usage in the stream only where it was asked for; and vectors."""
    with openai.OpenAI(base_url=host.url + "/v1", api_key="unused", max_retries=0) as client:
        asked = {"model": "cloud", "messages": [{"role": "user", "content": "Hi"}]}
        whole = client.chat.completions.create(**asked)  # type: ignore[call-overload]
        assert 1005 == whole.usage.total_tokens
        plain = list(client.chat.completions.create(stream=True, **asked))  # type: ignore[call-overload]
        assert "The sky is blue." == "".join(chunk.choices[0].delta.content or "" for chunk in plain)
        counted = list(
            client.chat.completions.create(
                stream=True,
                stream_options={"include_usage": True},
                **asked,  # type: ignore[call-overload]
            )
        )
        assert 1000 == counted[-1].usage.prompt_tokens
        assert [] == counted[-1].choices
        vectors = client.embeddings.create(model="vectors", input="Hi", encoding_format="float")
        assert [0.5, 0.25] == vectors.data[0].embedding


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"status": 500}, "status_5xx"),
        ({"status": 503}, "status_5xx"),
        ({"status": 429, "headers": {"Retry-After": "1"}}, "status_429"),
        ({"status": 402}, "status_429"),
        ({"status": 401}, "status_5xx"),
        ({"status": 404}, "status_5xx"),
        ({"status": 307, "headers": {"Location": "https://localhost:1/v1/chat/completions"}}, "status_5xx"),
        ({"delay": 6}, "first_token_timeout"),
    ],
)
def test_a_local_model_stands_in(
    host: Host, vendor: Provider, script: dict[str, object], reason: str, *, streamed: bool
) -> None:
    """For whatever ails the provider before the answer has begun; the reason is in the header."""
    vendor.script(**script)
    reply = host.chat("cloud", stream=streamed)
    assert 200 == reply.status
    assert ("local", "llamacpp", f"fallback:{reason}") == came_from(reply)
    assert "x-hostd-cost-usd" not in reply.headers


def test_a_cut_stream_is_no_success(host: Host, vendor: Provider) -> None:
    """Before the first word another model answers; after it none goes on, and the client reads an error and no end."""
    vendor.script(cut_after=0)
    assert ("local", "llamacpp", "fallback:connect") == came_from(stream(host, "cloud"))
    vendor.script(cut_after=2)
    reply = stream(host, "cloud")
    assert b"The" in reply.body
    assert b'"error"' in reply.body
    assert b"[DONE]" not in reply.body


@pytest.mark.parametrize("asked", ["broken", "planner"])
def test_the_cloud_stands_in(host: Host, asked: str) -> None:
    """For a local model that cannot be loaded; as the first of a role it answers itself."""
    reply = host.chat(asked)
    assert 200 == reply.status
    assert ("cloud", "cloud") == came_from(reply)[:2]
    assert came_from(reply)[2].startswith("primary" if asked == "planner" else "fallback:")
    assert COST == reply.headers["x-hostd-cost-usd"]


@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_private_stays(host: Host, vendor: Provider, *, streamed: bool) -> None:
    """R32, R31: prompts went to a cloud because it was the default.

    A request that says so, under the model's name, a role or a fallback, and a profile: none of them reaches the provider.
    """
    before = len(vendor.asked())
    private = {"x-hostd-privacy": "local"}

    def ask(model: str, headers: dict[str, str]) -> Reply:
        messages = [{"role": "user", "content": "a secret"}]
        return host.post("/v1/chat/completions", {"model": model, "messages": messages, "stream": streamed}, headers)

    for model in ("cloud", "planner"):
        assert ("local", "llamacpp", "fallback:privacy") == came_from(ask(model, private))
    assert "local" == ask("careful", private).headers["x-hostd-model"]
    alone = ask("alone", private)
    assert (403, "privacy") == (alone.status, alone.json["error"]["code"])
    # The local model is a fallback of theirs, too, by way of the one that is left out.
    for model, headers in (("broken", private), ("confidant", private), ("confidant", {})):
        assert "cloud" != ask(model, headers).headers["x-hostd-backend"]
    assert 400 == ask("cloud", {"x-hostd-privacy": "locally"}).status
    assert before == len(vendor.asked())


def test_too_many_requests_hold_for_the_whole_provider(host: Host, vendor: Provider) -> None:
    """Until its time is up no target of it is asked; the refusal tells that time, and another provider is asked all the same."""
    vendor.script(status=429, headers={"Retry-After": "3"})
    refused = host.chat("alone")
    assert (429, "3") == (refused.status, refused.headers["Retry-After"])
    vendor.script()
    before = len(vendor.asked())
    assert ("local", "llamacpp", "fallback:status_429") == came_from(host.chat("cloud"))
    assert before == len(vendor.asked())
    assert ("elsewhere", "cloud", "primary") == came_from(host.chat("elsewhere"))
    # With nowhere else to go and the time to wait for it, a request waits.
    waited = host.chat("sibling")
    assert ("sibling", "cloud", "primary") == came_from(waited)
    assert int(waited.headers["x-hostd-queue-ms"]) > 0


def test_a_long_hold_is_refused_at_once(host: Host, vendor: Provider) -> None:
    """A request that could only wait in vain is told the provider's time, bounded to a minute."""
    with provider() as other:
        folder = host.output.parent / "long"
        folder.mkdir()
        with serving_cloud(folder, cloud("alone", other.url)) as running:
            other.script(status=429, headers={"Retry-After": "900"})
            for _ in range(2):
                refused = running.chat("alone")
                assert (429, "60") == (refused.status, refused.headers["Retry-After"])
            assert 1 == len(other.asked())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "flagged", "type": "invalid_request_error", "code": "content_filter"}}),
        (
            403,
            {"error": {"message": "Your input was flagged by moderation", "code": 403, "metadata": {"reasons": ["x"]}}},
        ),
    ],
)
def test_a_refusal_by_policy_is_passed_on(host: Host, vendor: Provider, status: int, body: object) -> None:
    """No other model is asked to answer what the provider's policy forbids."""
    vendor.script(status=status, body=body)
    reply = host.chat("cloud")
    assert (status, "content_filter") == (reply.status, reply.json["error"]["code"])
    assert "flagged" in reply.json["error"]["message"]
    assert ("cloud", "cloud", "primary") == came_from(reply)


def test_the_key_goes_to_the_provider_alone(host: Host, vendor: Provider) -> None:
    """Not to engines, by environment or command line, nor into the log, nor to whoever asks hostd, whatever the provider says."""
    vendor.script(status=400, body={"error": {"message": f"what is {KEY}?", "type": "invalid_request_error"}})
    assert KEY.encode() not in host.chat("cloud").body
    vendor.script()
    host.chat("local")
    for engine in host.engines():
        for process in (engine, *engine.children(recursive=True)):
            assert KEY not in " ".join(process.cmdline())
            assert KEY not in process.environ().values()
    assert KEY not in " ".join(psutil.Process(host.process.pid).cmdline())
    for path in ("/hostd/v1/status", "/hostd/v1/models/cloud", "/hostd/v1/why?last=5000", "/metrics"):
        assert KEY.encode() not in host.get(path).body
    assert KEY not in host.output.read_text()


def test_a_provider_that_is_down(tmp_path: Path) -> None:
    """Falls back for want of a connection; once it is back, it answers again. An unknown certificate is no connection either."""
    with provider() as gone:
        profiles = (profile("local"), cloud("cloud", gone.url, fallback=["local"]))
        with serving_cloud(tmp_path, *profiles) as running:
            assert ("cloud", "cloud", "primary") == came_from(running.chat("cloud"))
            gone.process.kill()
            gone.process.wait()
            assert ("local", "llamacpp", "fallback:connect") == came_from(running.chat("cloud"))
            assert ("local", "llamacpp") == came_from(stream(running, "cloud"))[:2]
    with provider() as strange:
        folder = tmp_path / "strange"
        folder.mkdir()
        profiles = (profile("local"), cloud("cloud", strange.url, fallback=["local"]))
        with serving_cloud(folder, *profiles, environment={"SSL_CERT_FILE": "/dev/null"}) as running:
            assert ("local", "llamacpp", "fallback:connect") == came_from(running.chat("cloud"))
            assert [] == strange.asked()


def test_a_key_in_a_file(tmp_path: Path, vendor: Provider) -> None:
    """Is used if nobody else may read it, or else refused in words; systemd's own folder needs no mode."""
    vendor.script()
    key, handed_over = tmp_path / "key", tmp_path / "credentials"
    key.write_text(KEY + "\n")
    key.chmod(0o644)
    handed_over.mkdir()
    (handed_over / "scripted_api_key").write_text(KEY)
    from_systemd = cloud("handed", vendor.url)
    del from_systemd["variants"][0]["api_key"]
    profiles = (cloud("filed", vendor.url, key_file=str(key)), from_systemd)
    with serving_cloud(tmp_path, *profiles, environment={"CREDENTIALS_DIRECTORY": str(handed_over)}) as running:
        assert 200 == running.chat("handed").status
        refused = running.chat("filed")
        assert 503 == refused.status
        assert "chmod 600" in refused.json["error"]["message"]
        key.chmod(0o600)
        until(lambda: running.chat("filed").status == 200)


def test_through_a_proxy(tmp_path: Path, vendor: Provider) -> None:
    """As the environment wants it; one that does not forward is no connection, and nothing goes around it."""
    vendor.script()
    url = vendor.url.replace("localhost", "cloud.test")
    profiles = (profile("local"), cloud("cloud", url, fallback=["local"]))
    with (
        forward_proxy() as proxy,
        serving_cloud(tmp_path, *profiles, environment={"HTTPS_PROXY": proxy.url}) as running,
    ):
        assert ("cloud", "cloud", "primary") == came_from(running.chat("cloud"))
        assert b"[DONE]" in stream(running, "cloud").body
        assert {url.removeprefix("https://").removesuffix("/v1")} == set(proxy.told)
        assert [f"Bearer {KEY}"] * 2 == [each["key"] for each in vendor.asked()[-2:]]
    folder = tmp_path / "closed"
    folder.mkdir()
    before = len(vendor.asked())
    through = (profile("local"), cloud("cloud", url, fallback=["local"]))
    with serving_cloud(folder, *through, environment={"HTTPS_PROXY": "http://127.0.0.1:1"}) as running:
        assert ("local", "llamacpp", "fallback:connect") == came_from(running.chat("cloud"))
    assert before == len(vendor.asked())
