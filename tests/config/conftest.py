"""Files of an owner, written for one test."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hostd.config.load import load
from hostd.domain.errors import ConfigError
from hostd.domain.profile import Settings

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]


@pytest.fixture
def load_files(tmp_path: Path) -> Load:
    """Load `hostd.yaml` and ``model_profiles/NAME.yaml`` files, each given by its text."""

    def write(host: str = "", environ: Mapping[str, str] | None = None, **profiles: str) -> Settings:
        (tmp_path / "hostd.yaml").write_text(host)
        folder = tmp_path / "model_profiles"
        folder.mkdir(exist_ok=True)
        for name, text in profiles.items():
            (folder / f"{name}.yaml").write_text(text)
        return load(tmp_path / "hostd.yaml", environ or {})

    return write


@pytest.fixture
def problems(load_files: Load, tmp_path: Path) -> Problems:
    """Return what is wrong with files, as lines that begin with the bare name of the file."""

    def complain(host: str = "", environ: Mapping[str, str] | None = None, **profiles: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_files(host, environ, **profiles)
        lines = (str(problem) for problem in caught.value.problems)
        return [line.replace(f"{tmp_path}/model_profiles/", "").replace(f"{tmp_path}/", "") for line in lines]

    return complain
