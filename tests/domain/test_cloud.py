"""The names of providers."""

from hostd.backends.cloud.catalogue import PROVIDERS
from hostd.domain.cloud import CLOUD_PROVIDERS


def test_each_name_has_an_address() -> None:
    """What a profile may name without a url is in the catalogue, and nothing else is."""
    assert set(CLOUD_PROVIDERS) == set(PROVIDERS)
