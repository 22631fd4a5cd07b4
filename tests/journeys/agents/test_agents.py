"""Each agent's own program completes a task of one file on a model behind hostd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.domain.client_key import ClientKey
from hostd.domain.principal import KeyScope
from hostd.key_file import KeyFile, digest_of, new_key
from tests.journeys.agents.programs import PROGRAMS
from tests.journeys.agents.runner import is_installed, run_agent
from tests.journeys.agents.scripted_host import scripted_host
from tests.journeys.host import Host

ROUTES = {
    "claude": "POST /v1/messages",
    "codex": "POST /v1/responses",
    "opencode": "POST /v1/chat/completions",
    "qwen": "POST /v1/chat/completions",
    "aider": "POST /v1/chat/completions",
    "pi": "POST /v1/chat/completions",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a scripted model that calls tools."""
    with scripted_host(tmp_path_factory.mktemp("agents")) as running:
        yield running


@pytest.mark.parametrize("own_settings", [False, True], ids=["bare", "own settings"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_completes_its_task(host: Host, tmp_path: Path, name: str, *, own_settings: bool) -> None:
    """The file is there, the program ended well, it used the routes of its dialect, and nothing of the launch is left behind.

    Settings of its user that name another server give way for this run, and are not changed.
    """
    if not is_installed(name):
        pytest.skip(f"{name} is not installed; see scripts/agents")
    run = run_agent(name, host.url, tmp_path, own_settings=own_settings)
    assert run.passed, run.why
    assert {ROUTES[name]} == set(run.routes)


@pytest.mark.parametrize("own_settings", [False, True], ids=["bare", "own settings"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_sends_its_key(tmp_path: Path, name: str, *, own_settings: bool) -> None:
    """R5: of a daemon that answers with a key only; one in its user's settings gives way."""
    if not is_installed(name):
        pytest.skip(f"{name} is not installed; see scripts/agents")
    key, file = new_key(), tmp_path / "host/keys.yaml"
    file.parent.mkdir()
    # The launch looks at the list of models, which a key for inference does not open.
    KeyFile(file).write([ClientKey("agent", digest_of(key), 0.0, scope=KeyScope.ADMIN)])
    with scripted_host(tmp_path / "host", keys={"file": str(file)}) as keyed:
        run = run_agent(name, keyed.url, tmp_path / "run", own_settings=own_settings, key=key)
    assert run.passed, run.why
