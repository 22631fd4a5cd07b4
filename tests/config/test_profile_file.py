"""The shape of a profile's file."""

from collections.abc import Callable

import pytest

from hostd.domain.profile import Capabilities, FallbackRule, Limits, Repair, Settings, WarmSettings
from hostd.domain.reason import FallbackReason
from hostd.domain.schedule import ActiveWindow
from hostd.domain.thinking import ThinkingDefault

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]

HEAD = "name: p\nvariants: [{backend: llamacpp, path: x}]\n"
OTHER = "{name: other, variants: [{backend: llamacpp, path: x}]}"

CONTRACT = """
name: qwen3.5-9b
aliases: [fast, "gpt-4o-mini", "claude-haiku-*"]
variants:
  - {backend: llamacpp, path: ~/models/Qwen3.5-9B-Q4_K_M.gguf}
  - {backend: llamacpp, hf: unsloth/Qwen3.5-9B-GGUF, file: Qwen3.5-9B-Q4_K_M.gguf}
  - {backend: mlx, hf: mlx-community/Qwen3.5-9B-4bit}
  - {backend: vllm, hf: Qwen/Qwen3.5-9B-AWQ, tensor_parallel: auto}
  - {backend: ollama, tag: "qwen3.5:9b"}
  - {backend: openai, url: "http://127.0.0.1:1234/v1", model: qwen3.5-9b}
  - {backend: cloud, provider: anthropic, model: claude-haiku-4-5, api_key: "${env:ANTHROPIC_API_KEY}"}
context: 32768
slots: 2
kv_type: f16
args: {flash-attn: auto}
warm: {preload: true, pinned: false, priority: 50, keep_alive: 30m, windows: [{days: mon-fri, from: "08:30", to: "18:00"}]}
limits: {max_concurrent: 2, queue_timeout: 30s}
fallback: [other, {to: other, on: [queue_timeout, crashed]}]
capabilities: {tools: true, vision: false, thinking: optional, embeddings: false}
privacy: any
repair: tool_calls
thinking: off
price: {input: 0.0, output: 0.0}
"""


def test_every_key_of_the_contract_is_known(load_files: Load) -> None:
    """The documented file is accepted and means what it says."""
    settings = load_files(environ={"ANTHROPIC_API_KEY": "sk"}, q=CONTRACT, other=OTHER)
    profile = settings.profiles["qwen3.5-9b"]
    assert ("fast", "gpt-4o-mini", "claude-haiku-*") == profile.aliases
    assert ["llamacpp", "llamacpp", "mlx", "vllm", "ollama", "openai", "cloud"] == [v.backend for v in profile.variants]
    assert (32768, 2, "f16", {"flash-attn": "auto"}) == (profile.context, profile.slots, profile.kv_type, profile.args)
    assert WarmSettings(windows=(ActiveWindow((0, 1, 2, 3, 4), 510, 1080),)) == profile.warm
    assert (
        FallbackRule("other"),
        FallbackRule("other", frozenset({FallbackReason.QUEUE_TIMEOUT, FallbackReason.CRASHED})),
    ) == profile.fallback
    assert (Repair.TOOL_CALLS, ThinkingDefault.OFF) == (profile.repair, profile.thinking)
    assert Capabilities(tools=True, vision=False, thinking="optional") == profile.capabilities
    assert (Limits(), "sk") == (profile.limits, profile.variants[-1].api_key)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("off", "off"), ("'off'", "off"), ("on", "on"), ("true", "on"), ("auto", "auto")],
)
def test_whether_to_think(load_files: Load, written: str, meant: str) -> None:
    """With quotes or without them."""
    assert ThinkingDefault(meant) is load_files(p=f"{HEAD}thinking: {written}").profiles["p"].thinking


def test_unquoted_words_of_yaml_1_1_mean_what_they_say(load_files: Load) -> None:
    """`on`, `08:30` and `yes` work without quotes."""
    text = "args: {flash-attn: on}\nwarm: {pinned: yes, windows: [{days: sat, from: 22:00, to: 06:30}]}\n"
    profile = load_files(p=f"{HEAD}{text}fallback:\n- to: other\n  on: [stall]\n", other=OTHER).profiles["p"]
    assert ({"flash-attn": "on"}, True) == (profile.args, profile.warm.pinned)
    assert (ActiveWindow((5,), 22 * 60, 6 * 60 + 30),) == profile.warm.windows
    assert (FallbackRule("other", frozenset({FallbackReason.STALL})),) == profile.fallback


def test_a_window_may_be_written_short(load_files: Load) -> None:
    """As one text, with a dash of either length, beside others in full; a list of days may hold commas and spaces."""
    text = 'warm: {windows: [mon-fri 08:30\u201318:00, "sat, sun 22:00 - 02:00", {days: mon, from: 1:00, to: 24:00}]}'
    expected = (ActiveWindow((0, 1, 2, 3, 4), 510, 1080), ActiveWindow((5, 6), 1320, 120), ActiveWindow((0,), 60, 1440))
    assert expected == load_files(p=HEAD + text).profiles["p"].warm.windows


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour: red", "3:1: unknown key 'colour'; choose from aliases, allow_fields, args"),
        ("context: 4.5", "3:10: context: 4.5 is no whole number"),
        ("slots: 0", "3:8: slots: 0 is out of range"),
        ("kv_type: q8", "3:10: kv_type: 'q8' is not one of the values here; did you mean 'q8_0'?"),
        ("aliases: fast", "3:10: aliases: expected a list"),
        ("args: {--threads: 2}", "3:8: args.--threads: write 'threads', without the leading dashes"),
        ("args: {np: 2}", "3:8: args.np: hostd sets 'np' itself; use 'slots' of the profile"),
        ("args: {threads: }", "3:17: args.threads: expected text, a number, true or false, not nothing"),
        ("args: '--threads 2'", "3:7: args: expected a mapping"),
        (
            "warm: {windows: [{days: mon, from: 1:00, to: 1:00}]}",
            "3:18: warm.windows[0]: the window ends when it begins",
        ),
        ("warm: {windows: [mon-fri]}", "3:18: warm.windows[0]: 'mon-fri' is no window of the week; write such as"),
        ("warm: {windows: [mo 1:00-2:00]}", "3:18: warm.windows[0]: 'mo' names no days; write such as"),
        ("warm: {windows: [mon 1:00-25:00]}", "3:18: warm.windows[0]: '25:00' is no time of day; write such as"),
        ("warm: {windows: [{days: mon, from: 830, to: 1:00}]}", "3:36: warm.windows[0].from: expected text, not 830"),
        ("fallback: [{on: [stall]}]", "3:12: fallback[0]: the key 'to' is missing"),
        ("fallback: [{to: other, on: [stal]}]", "3:29: fallback[0].on[0]: 'stal' is not one of the values here; did"),
        ("fallback: [{to: other, on: []}]", "3:28: fallback[0].on: the list is empty"),
        ("thinking: of", "3:11: thinking: 'of' is not one of the values here; did you mean 'off'?"),
        ("capabilities: {thinking: x}", "3:26: capabilities.thinking: 'x' is none of true, false, optional"),
        (
            "capabilities: {rerank: true, decisions: true}",
            "3:15: capabilities: a model makes embeddings, ranks texts or makes decisions",
        ),
        ("privacy: locl", "3:10: privacy: 'locl' is not one of the values here; did you mean 'local'?"),
        ("price: {input: -1}", "3:16: price.input: -1 is no number of at least 0"),
    ],
)
def test_mistakes_are_told_at_their_place(problems: Problems, text: str, problem: str) -> None:
    """One mistake is one sentence, at the key or value to change."""
    [line] = problems(p=HEAD + text, other=OTHER)
    assert f"p.yaml:{problem}" == line[: len(f"p.yaml:{problem}")]


def test_what_is_left_to_a_probe_is_not_declared(load_files: Load) -> None:
    """The word auto says so, and a profile that says nothing means the same."""
    asked = "capabilities: {tools: auto, vision: auto, thinking: auto, json_schema: auto}\nwarm: {probe: false}\n"
    profile = load_files(p=HEAD + asked, other=OTHER).profiles["p"]
    assert (Capabilities(), False) == (profile.capabilities, profile.warm.probe)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_lacks_what_a_profile_needs(problems: Problems, text: str) -> None:
    """A profile has a name and a variant at least."""
    missing = ["p.yaml:1:1: the key 'name' is missing", "p.yaml:1:1: the key 'variants' is missing"]
    assert missing == problems(p=text)
