"""An engine on a card is refused where it says that it has none; the proof by a token is tried in `test_engine_run`."""

import pytest

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.load_option import LoadOption
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.health.card_proof import check_card

SAID = ("ggml_cuda_init: failed to initialize CUDA: unknown error",)
ON_CARD = LoadOption(0, "v0", Placement(devices=(("cuda:0", 1.0),)))


def test_tells_what_to_do() -> None:
    """With the engine's own words, and as a fault of the driver, which another variant would meet as well."""
    server = EngineServer.__new__(EngineServer)
    with pytest.raises(EngineError, match=r"failed to initialize CUDA: unknown error.*nvidia_uvm") as refused:
        check_card(server, ON_CARD, SAID)
    assert ExitClass.DRIVER is refused.value.exit_class
    check_card(server, ON_CARD, ())
    check_card(server, LoadOption(0, "v0"), SAID)
    check_card(server, None, SAID)


def test_an_attached_server_is_its_owners() -> None:
    """Hostd has placed it nowhere."""
    check_card(AttachedServer.__new__(AttachedServer), ON_CARD, SAID)
