"""``hostd report``."""

import json
from collections.abc import Callable

from tests.cli.recorded import Daemon, Ran
from tests.cli.test_week_report import FOUND


def test_a_week_is_told(daemon: Daemon, hostd: Callable[..., Ran]) -> None:
    """As Markdown, or as the daemon has it."""
    daemon.on("GET /hostd/v1/report?days=7&compare=gpt-5", FOUND)
    ran = hostd("report", "week", "--compare", "gpt-5", "--url", daemon.url)
    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith("# hostd, ")
    daemon.on("GET /hostd/v1/report?days=7", FOUND)
    assert FOUND == json.loads(hostd("report", "week", "--json", "--url", daemon.url).out)
    assert 2 == hostd("report", "decade").code
