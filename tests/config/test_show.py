"""Settings as plain data."""

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hostd.config.show import show
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
TEXT = """
name: p
aliases: [fast, 'gpt-*']
variants:
- {backend: llamacpp, path: /m.gguf}
- {backend: vllm, hf: a/b, tensor_parallel: 2}
context: 4096
kv_type: q8_0
args: {flash-attn: on, threads: 4, no-mmap: true}
env: {NCCL_DEBUG: INFO, OMP_NUM_THREADS: 4}
stop_grace: 20s
warm: {pinned: true, keep_alive: 90m, windows: [{days: fri-mon, from: 22:00, to: 24:00}]}
limits: {queue_timeout: 250ms}
fallback: [{to: q, on: [stall]}]
capabilities: {tools: true, thinking: false}
thinking: on
privacy: local
price: {output: 1.5}
"""
OTHER = "{name: q, variants: [{backend: llamacpp, path: /m.gguf}]}"


def test_what_is_shown_is_what_is_meant(load_files: Load) -> None:
    """A profile as shown, written into a file, is the same profile."""
    settings = load_files(p=TEXT, q=OTHER)
    shown = show(settings)["profiles"]
    again = load_files(p=yaml.safe_dump(shown["p"]), q=yaml.safe_dump(shown["q"]))
    assert settings.profiles == again.profiles


def test_secrets_are_masked(load_files: Load) -> None:
    """A key is never shown; other text from the environment is shown as its reference, wherever it stands."""
    text = """
name: p
variants:
- {backend: cloud, provider: openai, model: b, api_key: '${env:KEY}'}
- {backend: cloud, provider: openai, model: b, api_key: plain-hunter2}
- {backend: llamacpp, path: '${env:KEY}'}
args: {token: '${env:KEY}'}
env: {TOKEN: '${env:KEY}'}
"""
    host = "server: {listen: '${env:LISTEN}'}\nbackends: {vllm: {env: {TOKEN: '${env:KEY}'}, stop_grace: 1m}, mlx: {command: [x]}}"
    settings = load_files(host, {"KEY": "very-hunter2", "LISTEN": "127.0.0.1:4"}, p=text)
    shown = show(settings)
    assert "hunter2" not in json.dumps(shown)
    assert "hunter2" not in repr(settings)
    profile = shown["profiles"]["p"]
    assert ["***", "***"] == [variant["api_key"] for variant in profile["variants"][:2]]
    assert ("${env:KEY}", "${env:KEY}") == (profile["variants"][2]["path"], profile["args"]["token"])
    assert {"vllm": {"env": {"TOKEN": "${env:KEY}"}, "stop_grace": "1m"}, "mlx": {"command": ["x"]}} == shown[
        "backends"
    ]
    assert ["${env:LISTEN}"] == shown["server"]["listen"]
    assert "very-hunter2" == settings.profiles["p"].variants[0].api_key


@given(seconds=st.integers(0, 10**6))
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_durations_are_text(load_files: Load, seconds: int) -> None:
    """Every whole number of seconds is shown so that it can be written again."""
    text = "name: p\nvariants: [{backend: llamacpp, path: /x}]\nlimits: {queue_timeout: %s}"
    shown = show(load_files(p=text % f"{seconds}s"))["profiles"]["p"]["limits"]["queue_timeout"]
    assert seconds == load_files(p=text % shown).profiles["p"].limits.queue_timeout


def test_the_reserve_is_shown_as_it_is_written(load_files: Load) -> None:
    """Sizes come back as exact text; what is not written has its default."""
    shown = show(load_files("memory: {reserve: {vram: 1.5GiB, ram: 5B}, card_wait: 90s}"))["memory"]
    assert {"reserve": {"vram": "1536MiB", "unified": "6GiB", "ram": "5B"}, "card_wait": "1m30s"} == shown
    assert "30s" == show(load_files("memory: {}"))["memory"]["card_wait"]


@pytest.mark.parametrize("key", ["source", "server", "memory", "backends", "roles", "profiles", "notes"])
def test_every_part_is_there(key: str) -> None:
    """Empty parts are shown as empty, so that programs find them."""
    assert key in show(Settings())
