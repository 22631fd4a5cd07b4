"""An engine on a card is refused where it says that it has none; the proof by a token is tried in `test_engine_run`."""

import pytest

from hostd.backends.contract import Backend, Endpoint
from hostd.backends.http.client import HttpClient
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.health.card_proof import check_card
from hostd.supervisor.server import Server

SAID = ("ggml_cuda_init: failed to initialize CUDA: unknown error",)
ON_CARD = LoadOption(0, "v0", Placement(devices=(("cuda:0", 1.0),)))
ON_PROCESSOR = LoadOption(0, "v0")


class Telling(Backend):
    """Tells what share of its model is on cards."""

    name = "telling"

    def __init__(self, share: float | None) -> None:
        self.share = share

    def accepts(self, variant: object) -> None:
        """Anything."""

    async def card_share(self, http: HttpClient, endpoint: Endpoint) -> float | None:
        """Tell."""
        del http, endpoint
        return self.share


def server(
    option: LoadOption | None, share: float | None = None, kind: type[EngineServer | AttachedServer] = EngineServer
) -> Server:
    """Return a server that runs as *option* says."""
    made = kind.__new__(kind)
    made.option, made.backend, made.http = option, Telling(share), None  # type: ignore[assignment]  # nothing is asked
    made.launch = type("Launch", (), {"endpoint": None})  # type: ignore[assignment]  # as above
    return made


async def test_tells_what_to_do() -> None:
    """With the engine's own words, and as a fault of the driver, which another variant would meet as well."""
    with pytest.raises(EngineError, match=r"failed to initialize CUDA: unknown error.*nvidia_uvm") as refused:
        await check_card(server(ON_CARD), SAID)
    assert ExitClass.DRIVER is refused.value.exit_class
    await check_card(server(ON_CARD), ())
    await check_card(server(ON_PROCESSOR), SAID)
    await check_card(server(None), SAID)


async def test_takes_the_engine_at_its_word() -> None:
    """One that has nothing of its model on its card is refused; a part of it is as planned, and some tell nothing."""
    with pytest.raises(EngineError, match="none of its model is there"):
        await check_card(server(ON_CARD, 0.0), ())
    for share in (0.1, 1.0, None):
        await check_card(server(ON_CARD, share), ())
    await check_card(server(ON_PROCESSOR, 0.0), ())


async def test_an_attached_server_is_its_owners() -> None:
    """Hostd has placed it nowhere."""
    await check_card(server(ON_CARD, 0.0, AttachedServer), SAID)
