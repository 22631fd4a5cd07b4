"""A path's name may hold slashes, for that is how models are called."""

import pytest

from tests.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("path", ["/v1/models/org/broken:latest", "/hostd/v1/models/org/broken:latest"])
async def test_a_name_spans_slashes(stage: Stage, path: str) -> None:
    """What a path's {name} stands for reaches the handler whole."""
    answer = await stage.get(path)
    assert 200 == answer.status
    assert "org/broken:latest" == answer.json.get("id", answer.json.get("name"))


async def test_a_name_may_be_escaped(stage: Stage) -> None:
    """Clients that escape the slash mean the same model."""
    answer = await stage.get("/v1/models/org%2Fbroken:latest")
    assert (200, "org/broken:latest") == (answer.status, answer.json["id"])
