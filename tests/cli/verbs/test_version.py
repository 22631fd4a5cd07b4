"""``hostd version``."""

import json
from collections.abc import Callable

from hostd import __version__
from tests.cli.recorded import Ran


def test_the_version_comes_as_text_and_as_json(hostd: Callable[..., Ran]) -> None:
    """Both forms name the installed version."""
    assert Ran(0, f"hostd {__version__}\n", "") == hostd("version")
    assert {"version": __version__} == json.loads(hostd("version", "--json").out)
