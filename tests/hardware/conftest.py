"""Driver libraries for the hardware tests, each built once."""

from pathlib import Path

import pytest

from tests.hardware.fake_driver import FakeDriver, build


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="session")
def _built_old(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("old_driver"), "-DOLD_DRIVER")


@pytest.fixture
def driver(_built: str, tmp_path: Path) -> FakeDriver:
    """A recent driver."""
    return FakeDriver(_built, tmp_path / "gpus.txt")


@pytest.fixture
def old_driver(_built_old: str, tmp_path: Path) -> FakeDriver:
    """A driver from before 510."""
    return FakeDriver(_built_old, tmp_path / "gpus.txt")


@pytest.fixture
def no_driver(tmp_path: Path) -> FakeDriver:
    """A machine without NVIDIA's driver."""
    return FakeDriver(str(tmp_path), tmp_path / "gpus.txt")
