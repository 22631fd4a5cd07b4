"""What an engine need not say itself: the defaults of the contract."""

import pytest

from hostd.backends.contract import Endpoint, Engine, Launch, ServerFacts
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from tests.http_client import client

ENDPOINT = Endpoint("http://127.0.0.1:1", "m")


class Least(Engine):
    """An engine that has what it must have."""

    name = "least"

    def accepts(self, variant: Variant) -> str | None:  # noqa: ARG002 - the contract's signature
        """Accept everything."""
        return None

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:  # noqa: ARG002
        """Launch nothing in particular."""
        return Launch(("engine",), {}, ENDPOINT, "/health", 1)


async def test_requests_pass_as_they_are() -> None:
    """Nothing is adapted, refused or turned into a stream, and nothing is known of the server."""
    engine = Least()
    async with client() as http:
        await engine.ensure_fits(http, ENDPOINT, {})
        await engine.open(http, ENDPOINT)
        await engine.close(http, ENDPOINT)
        assert ServerFacts() == await engine.describe(http, ENDPOINT)
        assert await engine.progress(http, ENDPOINT) is None
        assert not await engine.turns(http, ENDPOINT)
        assert {} == engine.report_request(ENDPOINT)
    assert (None, False) == (engine.adapt(ENDPOINT, {}), engine.prefers_stream(ENDPOINT, {}))
    engine.check(Profile("m", ()), Variant("least"), None)
    assert ExitClass.UNKNOWN is engine.classify(1, ())


async def test_what_an_engine_cannot_do_is_an_error() -> None:
    """Sleep is offered by no default, and a url is used by no engine that does not say so."""
    engine = Least()
    async with client() as http:
        with pytest.raises(EngineError, match="'least' cannot sleep"):
            await engine.sleep(http, ENDPOINT, 1)
        with pytest.raises(EngineError, match="'least' cannot wake"):
            await engine.wake(http, ENDPOINT)
    with pytest.raises(EngineError, match="remove the variant's url"):
        engine.attach(Profile("m", ()), Variant("least", url="http://127.0.0.1:1"))
