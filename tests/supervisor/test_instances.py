"""``hostd.supervisor.instances``: an instance per profile, whatever becomes of the profiles."""

from dataclasses import replace
from typing import cast

import pytest

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.errors import Bug
from hostd.domain.profile import Limits, Profile, Settings, Variant
from hostd.supervisor.instances import Instances
from hostd.supervisor.run_services import RunServices

A, B = (Profile(name, (Variant("llamacpp", path=f"{name}.gguf"),)) for name in "ab")
SERVICES = cast("RunServices", object())  # used from the first start on, of which there is none


async def test_follows_the_catalogue() -> None:
    """What is added is made, what is changed launches otherwise next time, and what was removed is there until it is stopped."""
    catalog = Catalog(Settings(profiles={"a": A}))
    instances = Instances(catalog, {})
    instances.make(SERVICES)
    first = instances["a"]
    changed = replace(A, limits=Limits(max_queue=1), variants=(Variant("llamacpp", path="new.gguf"),))
    catalog.settings = Settings(profiles={"a": changed, "b": B})
    instances.apply(ProfileChanges(("b",), ("a",)))
    assert (["a", "b"], 2) == (list(instances), len(instances))
    assert first is instances["a"]
    assert (1, "new.gguf") == (first.profile.limits.max_queue, first.variants[0].variant.path)
    catalog.settings = Settings(profiles={"a": changed})
    instances.apply(ProfileChanges(removed=("b",)))
    assert B == instances["b"].profile
    instances.remove("b")
    assert ["a"] == list(instances)


async def test_one_that_comes_back_before_its_engine_is_gone_is_kept() -> None:
    """Its engine would be orphaned otherwise."""
    catalog = Catalog(Settings(profiles={"a": A}))
    instances = Instances(catalog, {})
    instances.make(SERVICES)
    first = instances["a"]
    instances.apply(ProfileChanges(("a",)))
    assert first is instances["a"]


def test_needs_services_first() -> None:
    """An instance without them could not start anything."""
    with pytest.raises(Bug):
        Instances(Catalog(Settings(profiles={"a": A})), {}).apply(ProfileChanges(("a",)))
