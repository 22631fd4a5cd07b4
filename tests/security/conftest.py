"""Two daemons for all tests of this folder: one that is open to its machine, and one that wants keys."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostd.domain.client_key import ClientKey
from hostd.domain.principal import KeyScope
from hostd.key_file import KeyFile, digest_of, new_key
from tests.journeys.attached_server import Neighbour, llama_server
from tests.journeys.host import MODELS, Host, profile, started, until, write_files

SECRETS = {
    "OPENAI_API_KEY": "sk-of-the-owner-41",
    "ANTHROPIC_API_KEY": "sk-ant-of-the-owner-42",
    "HF_TOKEN": "hf_of_the_owner_43",
    "AWS_SECRET_ACCESS_KEY": "aws-of-the-owner-44",
}
"""What the owner's environment holds, and no engine may see."""


@dataclass(frozen=True)
class Target:
    """A daemon, where it keeps its files, and the address of each kind that it listens on."""

    host: Host
    folder: Path
    neighbour: Neighbour

    @property
    def address(self) -> str:
        """Its port."""
        return self.host.url.removeprefix("http://")

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.folder / "hostd.sock"

    @property
    def addresses(self) -> tuple[str, str]:
        """Both."""
        return self.address, str(self.socket)

    def seen(self) -> list[dict[str, object]]:
        """Return the last requests that the attached server got."""
        found = self.neighbour.get("/_seen")["requests"]
        assert isinstance(found, list)
        return found


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A daemon without keys: a real engine (`chat`), a file that harms engines (`hostile`), a server that records (`seen`)."""
    folder = tmp_path_factory.mktemp("open")
    # R20: a name of a file that a shell would act upon.
    odd = folder / "a; touch $(touch injected) `touch injected` && --help" / "tiny.gguf"
    odd.parent.mkdir()
    odd.symlink_to(MODELS / "tiny-chat.gguf")
    hostile = folder / "hostile.gguf"
    hostile.write_bytes(b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 16 + bytes(64))
    with llama_server(folder, "theirs") as neighbour:
        profiles = (
            profile("chat", variants=[{"backend": "llamacpp", "path": str(odd)}]),
            profile("hostile", variants=[{"backend": "llamacpp", "path": str(hostile)}], warm={"preload": False}),
            {
                "name": "seen",
                "variants": [{"backend": "openai", "url": neighbour.url + "/v1", "model": "theirs"}],
                "capabilities": {"vision": True, "tools": True},
            },
        )
        listen = ("--listen", f"unix:{folder / 'hostd.sock'}", "--log-format", "json")
        config = write_files(folder, *profiles)
        with started(folder, "--config", str(config), *listen, environment=SECRETS) as host:
            until(lambda: host.get("/readyz").status == 200)
            yield Target(host, folder, neighbour)


@dataclass(frozen=True)
class Keyed:
    """A daemon that wants keys, and one of each scope."""

    host: Host
    folder: Path
    inference: str
    admin: str

    @property
    def address(self) -> str:
        """Its port."""
        return self.host.url.removeprefix("http://")


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """A daemon that wants keys. It has a model that is never loaded: no test of keys needs an answer."""
    folder = tmp_path_factory.mktemp("keyed")
    inference, admin = new_key(), new_key()
    KeyFile(folder / "keys.yaml").write(
        [
            ClientKey("agent", digest_of(inference), 0.0),
            ClientKey("steward", digest_of(admin), 0.0, scope=KeyScope.ADMIN),
        ]
    )
    config = write_files(folder, profile("chat", warm={"preload": False}), keys={"file": str(folder / "keys.yaml")})
    with started(folder, "--config", str(config), "--log-format", "json") as host:
        yield Keyed(host, folder, inference, admin)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
