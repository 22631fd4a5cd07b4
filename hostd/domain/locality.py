"""What is known to stay on this machine. Whatever is not known to stay counts as leaving it."""

import ipaddress
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from hostd.domain.principal import Privacy
from hostd.domain.profile import Profile, Variant

_LAUNCHED_HERE = frozenset({"llamacpp", "mlx", "ollama", "vllm"})
"""Engines that hostd launches on a loopback address unless a variant gives the url of another server."""

_CLOUD_TAGS = ("-cloud", ":cloud")
"""How Ollama marks a tag that its server forwards to ollama.com."""


# Asked for each request of the few servers that there are; to take a url apart costs as much as to route one.
@lru_cache(maxsize=256)
def is_loopback(url: str) -> bool:
    """Return whether what is sent to *url* certainly stays on this machine: ``localhost``, or a loopback address."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def why_not_local(profile: Profile) -> str | None:
    """Return why *profile* is not known to be served on this machine alone (a clause); None where it is.

    A private profile counts as local although one of its variants may not be: no launch of such a variant succeeds
    (`hostd.supervisor.launch`). A cloud variant has no launch, so it always counts.
    """
    for variant in profile.variants:
        if profile.privacy == Privacy.LOCAL and variant.provider is None:
            continue
        if (why := _why_not_local(variant)) is not None:
            return why
    return None


def _why_not_local(variant: Variant) -> str | None:
    if variant.provider is not None:
        return f"{variant.label} is served by {variant.provider}"
    if variant.tag is not None and variant.tag.endswith(_CLOUD_TAGS):
        return f"{variant.tag} is served by ollama.com"
    if variant.url is not None:
        return None if is_loopback(variant.url) else f"{variant.url} is not on this machine"
    if variant.backend in _LAUNCHED_HERE:
        return None
    return f"nothing says that the engine '{variant.backend}' serves on this machine"
