"""The shape of `hostd.yaml`."""

from collections.abc import Callable

import pytest
import yaml

from hostd.config.show import show
from hostd.domain.profile import Limits, Role, Settings
from hostd.domain.server_settings import StateSettings
from hostd.domain.thinking import ThinkingDefault

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]

TINY = "{name: tiny, variants: [{backend: llamacpp, path: t.gguf}]}"

CONTRACT = """
server:   {listen: "127.0.0.1:11435"}
profiles: model_profiles
memory:   {reserve: {vram: 1GiB, unified: 6GiB, ram: 4GiB}}
warm:     {keep_alive: 30m, preload: true}
limits:   {max_concurrent: 2, max_queue: 64, queue_timeout: 30s, first_token_timeout: 30s, stall_timeout: 45s, total_timeout: 10m}
backends: {llamacpp: {command: [llama-server]}, vllm: {command: [vllm]}, ollama: {command: [ollama]}, mlx: {command: [mlx_lm.server]}}
roles:    {planner: [tiny], coder: {use: [tiny], require: [tools]}}
keys:     {file: keys.yaml}
"""  # noqa: E501 - as the documentation writes it


def test_every_key_of_the_contract_is_known(load_files: Load) -> None:
    """The documented file is accepted and means what it says."""
    settings = load_files(CONTRACT, tiny=TINY)
    assert Limits() == settings.profiles["tiny"].limits
    assert {"planner": Role("planner", ("tiny",)), "coder": Role("coder", ("tiny",), ("tools",))} == settings.roles
    assert ("llama-server",) == settings.commands["llamacpp"]


def test_a_role_may_say_whether_to_think(load_files: Load) -> None:
    """In the place of its profiles, which say it otherwise; what is shown can be read again."""
    settings = load_files(
        "roles: {a: {use: [tiny], thinking: off}, b: {use: [tiny], thinking: auto}, c: [tiny]}", tiny=TINY
    )
    assert [ThinkingDefault.OFF, ThinkingDefault.AUTO, None] == [role.thinking for role in settings.roles.values()]
    assert settings.roles == load_files(yaml.safe_dump({"roles": show(settings)["roles"]}), tiny=TINY).roles


def test_engines_have_variables_and_a_grace(load_files: Load) -> None:
    """Numbers are text to an environment, and a value may come from the daemon's own; a command is not needed."""
    host = "backends: {llamacpp: {env: {NCCL_P2P_DISABLE: 1, X: '${env:FROM_HERE}'}, stop_grace: 20s}}"
    tiny = "{name: tiny, variants: [{backend: llamacpp, path: t.gguf}], env: {NCCL_DEBUG: INFO}, stop_grace: 3s}"
    settings = load_files(host, {"FROM_HERE": "there"}, tiny=tiny)
    assert {"NCCL_P2P_DISABLE": "1", "X": "there"} == settings.engines["llamacpp"].env
    assert 20.0 == settings.engines["llamacpp"].stop_grace
    assert {} == settings.commands
    assert ({"NCCL_DEBUG": "INFO"}, 3.0) == (settings.profiles["tiny"].env, settings.profiles["tiny"].stop_grace)


def test_responses_are_kept_where_the_owner_says_so(load_files: Load) -> None:
    """For so long, and so much; without a time, none."""
    assert StateSettings() == load_files("state: {}").state
    assert StateSettings(30 * 86400.0, 1 << 30) == load_files("state: {keep: 30d, max_bytes: 1GiB}").state


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "limits:\nroles:\nserver:\n", "---\n"])
def test_every_key_is_optional(load_files: Load, text: str) -> None:
    """An empty file, and empty sections, mean the defaults."""
    assert Settings().listen == load_files(text).listen


@pytest.mark.parametrize(
    ("listen", "meant"),
    [
        ("127.0.0.1:8080", ("127.0.0.1:8080",)),
        ("unix:/run/hostd.sock", ("unix:/run/hostd.sock",)),
        ("['[::1]:80', unix:/x]", ("[::1]:80", "unix:/x")),
    ],
)
def test_one_address_or_several(load_files: Load, listen: str, meant: tuple[str, ...]) -> None:
    """`listen` takes an address or a list, quoted or not."""
    assert meant == load_files(f"server: {{listen: {listen}}}").listen


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server: {listen: 11435}", "1:18: server.listen: 11435 is no address to listen on"),
        ("server: {listen: []}", "1:18: server.listen: the list is empty"),
        ("backends: {vllm: {env: {A B: x}}}", "1:25: backends.vllm.env.A B: 'A B' is no name of a variable"),
        ("backends: {vllm: {env: {A: true}}}", "1:28: backends.vllm.env.A: expected text or a number, not true"),
        ("backends: {vllm: {env: {HOSTD_ENGINE: x}}}", "1:25: backends.vllm.env.HOSTD_ENGINE: variables that begin"),
        (
            "backends: {vllm: {env: {VLLM_API_KEY: x}}}",
            "1:25: backends.vllm.env.VLLM_API_KEY: hostd sets 'VLLM_API_KEY'",
        ),
        ("backends: {vllm: {stop_grace: 5}}", "1:31: backends.vllm.stop_grace: 5 has no unit"),
        ("backends: {vllm: {command: []}}", "1:28: backends.vllm.command: the list is empty"),
        ("limits: 3", "1:9: limits: expected a mapping, not 3"),
        ("limits: {max_concurrent: 0}", "1:26: limits.max_concurrent: 0 is out of range"),
        ("limits: {max_queue: -1}", "1:21: limits.max_queue: -1 is out of range"),
        ("limits: {queue_timout: 3s}", "1:10: unknown key 'queue_timout'; did you mean 'queue_timeout'?"),
        ("warm: {pinned: true}", "1:8: unknown key 'pinned'; choose from keep_alive, preload"),
        ("memory: {reserve: {vram: 1}}", "1:26: memory.reserve.vram: 1 has no unit"),
        ("backends: {llamacpp: {command: llama-server}}", "1:32: backends.llamacpp.command: expected a list"),
        ("backends: {llamacpp: {command: []}}", "1:32: backends.llamacpp.command: the list is empty"),
        ("roles: {'a b': [tiny]}", "1:9: roles.a b: 'a b' is no name"),
        ("roles: {a: []}", "1:12: roles.a: the list is empty"),
        ("roles: {a: {use: [tiny], require: [tool]}}", "1:36: roles.a.require[0]: 'tool' is not one of the values"),
        ("roles: {a: tiny}", "1:12: roles.a: expected a mapping"),
    ],
)
def test_mistakes_are_told_at_their_place(problems: Problems, text: str, problem: str) -> None:
    """One mistake is one sentence, at the key or value to change."""
    [line] = problems(text, tiny=TINY)
    assert f"hostd.yaml:{problem}" == line[: len(f"hostd.yaml:{problem}")]
