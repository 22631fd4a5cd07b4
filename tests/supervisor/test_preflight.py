"""A load that must fail is refused before memory is freed for it."""

import errno
from typing import Any

import pytest

from hostd.backends.contract import Backend
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.errors import EngineError
from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import MemoryMeasured, PreflightDone
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.instance import Instance
from hostd.supervisor.preflight import Preflight

SEEN = MemoryMeasured((Pool("ram", PoolKind.RAM, "main memory", 100, 60, 50),), {"beta": {"ram": 10}})


class Careful(LlamaCpp):
    """A backend that finds fault with the first variant."""

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:
        """Know of one file only."""
        assert (profile.name, True) == ("alpha", option is not None)
        if variant.path == "absent":
            if option is not None and option.label == "starved":
                raise EngineError("its build cannot be read") from OSError(errno.EMFILE, "it said so")
            raise EngineError("there is no file 'absent'", exit_class=ExitClass.MISSING_FILE, tail=("it said so",))


def preflight(*backends: Any) -> Preflight:
    """Return a look at a profile whose variants have these *backends*."""
    profile = Profile("alpha", (Variant("llamacpp", path="absent"), Variant("llamacpp", path="there")))
    variants = [BoundVariant(*each) for each in zip(profile.variants, backends, strict=False)]
    services: Any = None  # nothing is started

    async def measure() -> MemoryMeasured:
        return SEEN

    return Preflight({"alpha": Instance(profile, variants, services)}, measure)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (
            0,
            PreflightDone(
                "alpha", ExitClass.MISSING_FILE, "llamacpp:absent: there is no file 'absent'; its last line: it said so"
            ),
        ),
        (1, PreflightDone("alpha")),
    ],
)
async def test_the_backend_is_asked_and_the_memory_measured(variant: int, expected: PreflightDone) -> None:
    """The memory comes first, so that the scheduler knows it at the verdict."""
    backend = Careful()
    assert (SEEN, expected) == await preflight(backend, backend)("alpha", LoadOption(variant, "asked for"))


async def test_a_load_on_a_lost_card_is_refused() -> None:
    """Its engine would come up on the processor; one on another card, or on none, is not concerned."""
    lost = {"cuda:1": "cuda:1 (A card) has vanished"}
    look = preflight(Careful(), Careful())
    look._lost = lambda: lost
    there = LoadOption(1, "v1", Placement(devices=(("cuda:0", 1.0),)))
    split = LoadOption(1, "v1", Placement(devices=(("cuda:0", 1.0), ("cuda:1", 1.0))))
    assert (SEEN, PreflightDone("alpha")) == await look("alpha", there)
    refused = PreflightDone("alpha", ExitClass.DRIVER, "v1: cuda:1 (A card) has vanished")
    assert (SEEN, refused) == await look("alpha", split)


async def test_a_backend_that_cannot_check_is_trusted() -> None:
    """The load itself will show."""

    class Hasty(Backend):
        name = "hasty"

        def accepts(self, variant: Variant) -> str | None:
            return None if variant.path else "it names no file"

    assert (SEEN, PreflightDone("alpha")) == await preflight(Hasty())("alpha", LoadOption(0, "asked for"))


async def test_a_variant_without_a_backend_is_refused() -> None:
    """The reason is the one that the owner sees everywhere."""
    _, verdict = await preflight(None)("alpha", LoadOption(0, "asked for"))
    assert (
        PreflightDone("alpha", ExitClass.MISSING_FILE, "llamacpp:absent: backend 'llamacpp' is not implemented here")
        == verdict
    )


async def test_what_hostd_lacks_is_no_verdict_on_the_load() -> None:
    """Whatever the backend made of it."""
    (verdict,) = await preflight(Careful())("alpha", LoadOption(0, "starved"))
    assert isinstance(verdict, PreflightDone)
    assert (True, ExitClass.UNKNOWN) == (verdict.own_want, verdict.exit_class)
    assert "descriptor" in verdict.detail
