"""The daemon may open as many files as the system lets it."""

import subprocess
import sys

import pytest

from hostd.descriptor_limit import WANTED

_SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from hostd import descriptor_limit
print(descriptor_limit.inherited(), descriptor_limit.raise_limit(), descriptor_limit.current(), descriptor_limit.inherited())
"""


@pytest.mark.parametrize(("soft", "hard", "raised"), [(256, 1024, 1024), (256, 256, 256), (64, 512, 512)])
def test_raises_the_soft_limit_to_the_hard_one(soft: int, hard: int, raised: int) -> None:
    """And goes on to know what it was started with."""
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True
    )
    assert f"({soft}, {hard}) {raised} {raised} ({soft}, {hard})" == ran.stdout.strip()
    assert raised <= WANTED
