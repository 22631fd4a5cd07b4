"""``hostd.pickled_settings``."""

import pickle
from types import MappingProxyType

from hostd.domain.profile import Profile, Settings, Variant
from hostd.domain.secret import Secret
from hostd.pickled_settings import pickled


def test_settings_arrive_as_they_were() -> None:
    """Equal, with mappings that are read-only still, and secrets that know what they are shown as."""
    key = Secret("hunter2", "${env:KEY}")
    model = Profile("a", (Variant("cloud", api_key=key),), args=MappingProxyType({"x": 1}))
    settings = Settings(profiles=MappingProxyType({"a": model}))
    arrived = pickle.loads(pickled(settings))
    assert settings == arrived
    assert (MappingProxyType, repr(key)) == (type(arrived.profiles), repr(arrived.profiles["a"].variants[0].api_key))
