"""Where providers are."""

import pytest

from hostd.backends.cloud.catalogue import PROVIDERS, CloudProvider, provider_of
from hostd.dialects.base import Dialect
from hostd.dialects.registry import translation
from hostd.domain.profile import Variant


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_every_provider_is_encrypted_and_answers_chats(provider: CloudProvider) -> None:
    """Its url ends so that paths can be added, and systemd has a name for its key."""
    assert provider.url.startswith("https://")
    assert not provider.url.endswith("/")
    found = translation(Dialect.OPENAI_CHAT, provider.speaks)
    assert found is not None
    assert provider.speaks[found.spoken].endswith(("/chat/completions", "/messages"))
    assert provider.variable.endswith("_API_KEY")
    assert f"{provider.name}_api_key" == provider.credential


def test_a_url_comes_before_the_known_one() -> None:
    """With what sets the provider apart; one that is not known has what the owner writes, and none without a url."""
    found = provider_of(Variant("cloud", provider="openai", model="m", url="https://proxy/v1/"))
    assert found is not None
    assert ("https://proxy/v1", "max_completion_tokens") == (found.url, found.answer_limit)
    other = provider_of(Variant("cloud", provider="other", model="m", url="https://other/v1"))
    assert other is not None
    assert ("other", "https://other/v1", "") == (other.name, other.url, other.variable)
    assert provider_of(Variant("cloud", provider="other", model="m")) is None
