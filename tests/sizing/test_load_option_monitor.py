"""The options for loading a model reach the scheduler, at boot and whenever they change."""

import asyncio
from collections.abc import Sequence

import pytest

from hostd.domain.catalog import Catalog
from hostd.domain.errors import HostdError
from hostd.domain.host import Host
from hostd.domain.profile import Profile, Settings, Variant
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import LoadOptionsChanged
from hostd.sizing.load_option_monitor import LoadOptionMonitor
from hostd.sizing.load_options import LoadOptions

HOST = Host("linux", "x", 1, ())
VARIANT = Variant("llamacpp", path="a.gguf")
ONE = LoadOption(0, "llamacpp:a.gguf")


class LoadOptionFinder:
    """Says what it is told to."""

    def __init__(self, *said: LoadOptions | HostdError) -> None:
        self.said = list(said)

    def find(self, profile: Profile, host: Host) -> LoadOptions:  # noqa: ARG002 - as the real one is asked
        """Return the next answer."""
        said = self.said.pop(0)
        if isinstance(said, HostdError):
            raise said
        return said


def survey(posted: list[LoadOptionsChanged], *said: LoadOptions | HostdError) -> LoadOptionMonitor:
    """Return a survey of the profiles a and b that posts into *posted*."""
    profiles = {name: Profile(name, (VARIANT,)) for name in ("a", "b")}
    catalog = Catalog(Settings(profiles=profiles))
    return LoadOptionMonitor(LoadOptionFinder(*said), catalog, lambda: HOST, posted.append)  # type: ignore[arg-type]  # all that it asks


async def test_tells_of_every_profile() -> None:
    """One whose options cannot be found says why and spoils no other."""
    posted: list[LoadOptionsChanged] = []
    await survey(posted, HostdError("its header is torn"), LoadOptions((ONE,))).find_all()
    assert [LoadOptionsChanged("a", (), "its header is torn"), LoadOptionsChanged("b", (ONE,))] == posted


async def test_learns_from_a_load() -> None:
    """What was measured is followed by finding the options anew; a model that cannot be read raises, and nothing is told."""
    posted: list[LoadOptionsChanged] = []
    looking = survey(posted, LoadOptions((ONE,)))

    def note(profile: Profile, variant: Variant, said: Sequence[str], rss: int, option: LoadOption | None) -> None:
        if rss == 0:
            raise HostdError("its header is torn")

    noting = looking.after(note)
    profile = Profile("a", (VARIANT,))
    await asyncio.to_thread(noting, profile, VARIANT, (), 1, ONE)
    with pytest.raises(HostdError):
        await asyncio.to_thread(noting, profile, VARIANT, (), 0, ONE)
    await asyncio.sleep(0)
    assert [LoadOptionsChanged("a", (ONE,))] == posted


async def test_finds_all_anew_on_another_machine() -> None:
    """A card that has come is planned with; what is the same is not told again."""
    posted: list[LoadOptionsChanged] = []
    none, found = LoadOptions(()), LoadOptions((ONE,))
    looking = survey(posted, none, none, found, none)
    await looking.find_all()
    posted.clear()
    looking.machine_changed()
    await asyncio.wait(set(looking._finding), timeout=10)
    assert [LoadOptionsChanged("a", (ONE,))] == posted
