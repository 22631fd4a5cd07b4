"""From checked files to the domain's nouns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.config.to_settings import below
from hostd.domain.errors import ConfigError
from hostd.domain.host import Reserve
from hostd.domain.profile import FallbackRule, Limits, Profile, Settings, Variant, WarmSettings
from hostd.domain.reason import FallbackReason
from hostd.domain.secret import Secret

Load = Callable[..., Settings]
HEAD = "name: p\nvariants: [{backend: llamacpp, path: /x}]\n"


def test_a_minimal_profile_has_the_nouns_defaults(load_files: Load) -> None:
    """Defaults live in one place."""
    profile = load_files(p=HEAD).profiles["p"]
    assert Profile("p", (Variant("llamacpp", path="/x"),), slots=Limits().max_concurrent) == profile


def test_defaults_are_merged_key_by_key(load_files: Load) -> None:
    """A profile's key goes before the host's, the host's before the built-in one."""
    host = "limits: {max_queue: 3, stall_timeout: 9s}\nwarm: {preload: false, keep_alive: 1m}\n"
    text = "limits: {max_queue: 4, max_concurrent: 5}\nwarm: {keep_alive: 2m, priority: 7}\n"
    profile = load_files(host, p=HEAD + text).profiles["p"]
    assert Limits(max_concurrent=5, max_queue=4, stall_timeout=9.0) == profile.limits
    assert WarmSettings(preload=False, priority=7, keep_alive=120.0) == profile.warm


def test_the_reserve_is_merged_key_by_key(load_files: Load) -> None:
    """What the owner does not write keeps its default; nothing may be reserved too."""
    written = load_files("memory: {reserve: {vram: 0B, ram: 2GiB}}").reserve
    assert (Reserve(vram=0, ram=2 * 2**30), Reserve()) == (written, load_files("").reserve)


@pytest.mark.parametrize(
    ("host", "text", "slots"),
    [("", "", 2), ("limits: {max_concurrent: 6}", "", 6), ("", "limits: {max_concurrent: 3}", 3), ("", "slots: 1", 1)],
)
def test_slots_follow_the_concurrency(load_files: Load, host: str, text: str, slots: int) -> None:
    """Unless they are given, the engine decodes as many together as the profile takes on."""
    assert slots == load_files(host, p=HEAD + text).profiles["p"].slots


def test_a_fallback_is_for_every_reason_unless_narrowed(load_files: Load) -> None:
    """A bare name and a mapping without `on` mean the same."""
    text = "fallback: [q, {to: q}, {to: q, on: [stall]}]"
    profile = load_files(p=HEAD + text, q=HEAD.replace("p\n", "q\n", 1)).profiles["p"]
    assert (
        FallbackRule("q"),
        FallbackRule("q"),
        FallbackRule("q", frozenset({FallbackReason.STALL})),
    ) == profile.fallback


def test_paths_start_at_their_own_file(load_files: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile's path is relative to the profile, a program's to `hostd.yaml`, ``~`` is the home; none must exist."""
    monkeypatch.setenv("HOME", "/home/me")
    variants = "[{backend: llamacpp, path: m.gguf}, {backend: llamacpp, path: ~/m.gguf}, {backend: mlx, path: /m}]"
    settings = load_files("backends: {llamacpp: {command: [bin/server, a/b]}}", p=f"name: p\nvariants: {variants}")
    paths = [variant.path for variant in settings.profiles["p"].variants]
    assert [f"{tmp_path}/model_profiles/m.gguf", "/home/me/m.gguf", "/m"] == paths
    assert (f"{tmp_path}/bin/server", "a/b") == settings.commands["llamacpp"]


def test_a_program_without_slash_is_left_to_path(load_files: Load) -> None:
    """As a shell would."""
    assert {"llamacpp": ("server",)} == load_files("backends: {llamacpp: {command: [server]}}").commands


def test_a_secret_path_stays_secret() -> None:
    """Joining a folder does not reveal what a variable holds."""
    path = below(Path("/models"), Secret("m.gguf", "${env:M}"))
    assert ("/models/m.gguf", "'${env:M}'") == (path, repr(path))


def test_an_unknown_home_is_taken_as_a_folder() -> None:
    """A name that the system does not know is no reason to fail."""
    assert "/models/~nobody-here/m" == below(Path("/models"), "~nobody-here/m")


def test_a_draft_model_is_a_file(load_files: Load) -> None:
    """Relative to the profile's own file, or that of the profile which is named; words stay what they are."""
    settings = load_files(
        a="name: a\nvariants: [{backend: llamacpp, path: /m/a.gguf}]\ndraft: d.gguf\n",
        b="name: b\nvariants: [{backend: llamacpp, path: /m/b.gguf}]\ndraft: a\n",
        c="name: c\nvariants: [{backend: llamacpp, path: /m/c.gguf}]\ndraft: false\n",
        d="name: d\nvariants: [{backend: llamacpp, path: /m/d.gguf}]\n",
    )
    found = {name: profile.draft for name, profile in settings.profiles.items()}
    assert ("d.gguf", "/m/a.gguf", "off", "auto") == (Path(found["a"]).name, found["b"], found["c"], found["d"])
    assert Path(found["a"]).is_absolute()


def test_a_draft_model_may_be_on_the_hub(load_files: Load) -> None:
    """Named as on the command line, or by the profile of a model that is served from there."""
    settings = load_files(
        a="name: a\nvariants: [{backend: llamacpp, hf: o/a-GGUF, file: a.gguf}]\ndraft: 'hf:o/d-GGUF/q/d.gguf'\n",
        b="name: b\nvariants: [{backend: llamacpp, path: /m/b.gguf}]\ndraft: a\n",
        c="name: c\nvariants: [{backend: llamacpp, path: /m/c.gguf}]\ndraft: hf:o/d-GGUF\n",
    )
    found = {name: profile.draft for name, profile in settings.profiles.items()}
    assert {"a": "hf:o/d-GGUF/q/d.gguf", "b": "hf:o/a-GGUF/a.gguf", "c": "hf:o/d-GGUF"} == found


@pytest.mark.parametrize("draft", ["hf:", "hf:d.gguf", "hf:o/../d.gguf", "hf:o/d/x.bin", "hf:o/d/../../x.gguf"])
def test_a_draft_that_no_hub_can_have_is_a_mistake(load_files: Load, draft: str) -> None:
    """It is told with the right form."""
    with pytest.raises(ConfigError, match="hf:OWNER/REPO"):
        load_files(a=f"name: a\nvariants: [{{backend: llamacpp, path: /m/a.gguf}}]\ndraft: '{draft}'\n")
