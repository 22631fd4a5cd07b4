"""``hostd.runtime.backend_renewal``: engines in force are those of the settings in force."""

from hostd.backends.registry import backends
from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.profile import EngineSettings, Settings
from hostd.runtime.backend_renewal import renewal


def test_each_difference_renews_once() -> None:
    """A reload that changes nothing about a backend leaves it as it is, so that what is known of its program is kept."""
    catalog, engines = Catalog(), backends({})
    follow, first = renewal(catalog, engines), dict(engines)
    follow(ProfileChanges())
    assert first == engines
    catalog.settings = Settings(engines={"vllm": EngineSettings({"A": "1"})})
    follow(ProfileChanges())
    second = engines["vllm"]
    assert ({"A": "1"}, first["llamacpp"]) == (second.settings.env, engines["llamacpp"])
    follow(ProfileChanges())
    assert second is engines["vllm"]
    catalog.settings = Settings()
    follow(ProfileChanges())
    assert {} == engines["vllm"].settings.env
