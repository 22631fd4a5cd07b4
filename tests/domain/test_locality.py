"""What is known to stay on this machine."""

import pytest

from hostd.domain.locality import is_loopback, why_not_local
from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Variant

NEAR = Variant("openai", url="http://127.0.0.1:1234/v1")
FAR = Variant("openai", url="http://192.168.1.5:1234/v1")
FILE = Variant("llamacpp", path="m.gguf")
CLOUD = Variant("cloud", provider="anthropic", model="claude-haiku-4-5")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80/v1", True),
        ("http://LOCALHOST:1/v1", True),
        ("http://a.localhost", True),
        ("http://192.168.1.5:1", False),
        ("http://0.0.0.0:1", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://user@evil.example:80#127.0.0.1", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_an_address_is_here_only_if_nothing_else_can_be_meant(url: str, here: bool) -> None:
    """Loopback addresses and localhost; a name that a resolver answers for may be anywhere."""
    assert here is is_loopback(url)


@pytest.mark.parametrize(
    ("variants", "why"),
    [
        ((FILE,), None),
        ((NEAR, FILE), None),
        ((Variant("mlx", hf="a/b"), Variant("vllm", hf="a/b"), Variant("ollama", tag="a:1b")), None),
        ((FILE, FAR), "http://192.168.1.5:1234/v1 is not on this machine"),
        ((CLOUD,), "cloud:claude-haiku-4-5 is served by anthropic"),
        ((Variant("ollama", tag="a:1b-cloud"),), "a:1b-cloud is served by ollama.com"),
        ((Variant("ollama", tag="a:cloud", url="http://127.0.0.1:11434"),), "a:cloud is served by ollama.com"),
        ((Variant("theirs", path="m"),), "nothing says that the engine 'theirs' serves on this machine"),
    ],
)
def test_one_variant_that_may_be_elsewhere_is_enough(variants: tuple[Variant, ...], why: str | None) -> None:
    """Which variant serves is decided later, so all of them have to be local."""
    assert why == why_not_local(Profile("m", variants))


def test_a_private_profile_is_held_to_local_variants_by_its_launch() -> None:
    """Its other variants are never launched, so it is local; but nothing is launched for a cloud."""
    assert why_not_local(Profile("m", (FAR, FILE), privacy=Privacy.LOCAL)) is None
    assert why_not_local(Profile("m", (FILE, CLOUD), privacy=Privacy.LOCAL)) is not None
