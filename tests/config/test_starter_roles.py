"""Roles of a first configuration."""

from pathlib import Path

import pytest

from hostd.backends.cloud.catalogue import PROVIDERS
from hostd.config.load import load
from hostd.config.starter_roles import (
    CLOUD_MODELS,
    FOR_PEOPLE,
    CloudStart,
    cloud_profile_text,
    roles_text,
    with_cloud,
)
from hostd.domain.prices import list_price
from hostd.domain.profile import Settings
from hostd.domain.thinking import ThinkingDefault

LOCAL = "name: {0}\nvariants: [{{backend: llamacpp, path: /{0}.gguf}}]\n"
KEY = {"ANTHROPIC_API_KEY": "sk-anything"}


def loaded(folder: Path, text: str, cloud: CloudStart | None = None, environ: dict[str, str] | None = None) -> Settings:
    """Return what is read of a host file that ends with *text*, beside two models of this machine and that of *cloud*."""
    (folder / "model_profiles").mkdir()
    for name in ("small", "large"):
        (folder / f"model_profiles/{name}.yaml").write_text(LOCAL.format(name))
    if cloud is not None:
        (folder / "model_profiles/cloud.yaml").write_text(cloud_profile_text(cloud))
        text = with_cloud(text, cloud)
    (folder / "hostd.yaml").write_text(text)
    return load(folder / "hostd.yaml", environ or {})


def test_quick_roles_do_not_think(tmp_path: Path) -> None:
    """They begin with the quick model, the others with the able one."""
    settings = loaded(tmp_path, roles_text(["small", "large"], ["large", "small"]))
    first = {name: (role.use[0], role.thinking) for name, role in settings.roles.items()}
    quick, able = ("small", ThinkingDefault.OFF), ("large", None)
    assert first == {
        "chat": quick,
        "orchestrator": quick,
        "engineer": able,
        "research": able,
        "writer": able,
        "utility": quick,
    }


def test_a_name_that_a_profile_has_is_no_role() -> None:
    """The name stays that of the profile."""
    assert "  chat:" not in roles_text(["chat"], ["chat"], {"chat"})
    assert roles_text([], []) == ""


def test_two_roles_begin_with_the_cloud(tmp_path: Path) -> None:
    """Only those that write for people; a local model comes next, and money is limited."""
    cloud = CloudStart("anthropic", "ANTHROPIC_API_KEY")
    settings = loaded(tmp_path, roles_text(["small"], ["large"]), cloud, KEY)
    begin = {name for name, role in settings.roles.items() if role.use[0] == cloud.model}
    assert begin == set(FOR_PEOPLE)
    assert settings.roles["writer"].use == (cloud.model, "large")
    assert set(settings.budgets.providers) == {"anthropic"}
    assert settings.notes == ()


def test_a_file_may_hold_the_key(tmp_path: Path) -> None:
    """Then the environment is not asked."""
    cloud = CloudStart("openai", "OPENAI_API_KEY", key_file="/etc/keys/openai")
    settings = loaded(tmp_path, roles_text(["small"], ["large"]), cloud)
    assert settings.profiles[cloud.model].variants[0].key_file == "/etc/keys/openai"


@pytest.mark.parametrize("provider", CLOUD_MODELS)
def test_each_model_has_a_provider_and_a_price(provider: str) -> None:
    """Without a price, the daily limit could not be kept."""
    assert PROVIDERS[provider].variable
    assert list_price(provider, CLOUD_MODELS[provider]) is not None
