"""Whether the Redis server answers that several hosts share state through."""

from pathlib import Path

from hostd.doctor.checks.shared_state import check
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import FindingStatus
from hostd.domain.profile import Settings
from hostd.domain.server_settings import StateSettings
from tests.redis_server import needs_redis, redis_server


def context(url: str | None) -> CheckContext:
    """Return what the check reads where the owner names *url*."""
    return CheckContext(settings=Settings(state=StateSettings(shared=url)))


def test_nothing_shared() -> None:
    """There is nothing to look at."""
    (finding,) = check(context(None))
    assert FindingStatus.SKIPPED == finding.status


@needs_redis
def test_a_server_that_answers(tmp_path: Path) -> None:
    """It is well."""
    with redis_server(tmp_path) as url:
        (finding,) = check(context(url))
        assert FindingStatus.OK == finding.status


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """A warning with a way on, which shows no password."""
    (finding,) = check(context(f"unix://:secret@{tmp_path}/none.sock"))
    assert FindingStatus.WARN == finding.status
    assert "secret" not in str(finding)
