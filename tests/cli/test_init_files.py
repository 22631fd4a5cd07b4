"""Which files `hostd init` writes."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.cli.exits import VerbError
from hostd.cli.init_files import cloud_start, files_of_preset, preset_for, preset_names, unused_key
from hostd.config.load import load
from hostd.config.starter_roles import FOR_PEOPLE
from hostd.domain.host import Reserve
from hostd.hardware.simulated import preset

KEY = {"ANTHROPIC_API_KEY": "sk-anything"}
SIX = {"chat", "orchestrator", "engineer", "research", "writer", "utility"}


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("provider", [None, "anthropic"])
def test_a_preset_is_accepted(tmp_path: Path, name: str, provider: str | None) -> None:
    """With a key and without, it has six roles; with one, two of them begin with the cloud, and all end on this machine."""
    for path, text in files_of_preset(name, cloud_start(provider, None, KEY)).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    settings = load(tmp_path / "hostd.yaml", KEY if provider else {})
    assert set(settings.roles) >= SIX
    cloudy = {profile.name for profile in settings.profiles.values() if profile.variants[0].backend == "cloud"}
    begin = {role.name for role in settings.roles.values() if role.use[0] in cloudy}
    assert begin == (set(FOR_PEOPLE) if provider else set())
    assert not [role for role in settings.roles.values() if role.use[-1] in cloudy]


@pytest.mark.parametrize(("machine", "found"), [("rtx3090", "rtx4090"), ("a6000", "l40s"), ("2xrtx4090", None)])
def test_a_machine_has_the_preset_of_its_size(machine: str, found: str | None) -> None:
    """As many cards, of as much memory."""
    assert preset_for(preset(machine, Reserve())) == found


def test_a_machine_without_a_card_has_none() -> None:
    """Main memory is no accelerator."""
    host = preset("rtx4090", Reserve())
    assert preset_for(replace(host, pools=tuple(pool for pool in host.pools if pool.id == "ram"))) is None


@pytest.mark.parametrize(
    ("provider", "key_file", "environ", "word"),
    [
        ("antropic", None, KEY, "anthropic"),
        ("anthropic", None, {}, "ANTHROPIC_API_KEY"),
        (None, Path("key"), {}, "--cloud"),
    ],
)
def test_what_is_wrong_with_a_provider_is_said(
    provider: str | None, key_file: Path | None, environ: dict[str, str], word: str
) -> None:
    """Before any file is written."""
    with pytest.raises(VerbError, match=word):
        cloud_start(provider, key_file, environ)


def test_a_key_is_not_used_unasked() -> None:
    """It is mentioned, since a prompt leaves this machine only where the owner says so."""
    assert (unused_key(KEY), unused_key({})) == ("anthropic", None)
    assert cloud_start(None, None, KEY) is None
