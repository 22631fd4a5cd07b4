"""Where Ollama's models are found."""

from pathlib import Path

import pytest

from hostd.backends.ollama import store as ollama_store
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass


def put(store: Path, *parts: str) -> None:
    """Put a manifest into *store*."""
    path = store.joinpath("manifests", *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("qwen3.5:9b", ("registry.ollama.ai", "library", "qwen3.5", "9b")),
        ("qwen3.5", ("registry.ollama.ai", "library", "qwen3.5", "latest")),
        ("me/mine:1", ("registry.ollama.ai", "me", "mine", "1")),
        ("hf.co/org/model-GGUF:Q4_K_M", ("hf.co", "org", "model-GGUF", "Q4_K_M")),
    ],
)
def test_a_tag_is_found_in_the_owners_store(tmp_path: Path, tag: str, parts: tuple[str, ...]) -> None:
    """By Ollama's own rules for what a name leaves out."""
    put(tmp_path, *parts)
    assert tmp_path == ollama_store.store_of(tag, {"OLLAMA_MODELS": str(tmp_path), "HOME": str(tmp_path)})


def test_a_tag_may_be_in_the_services_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ollama's installer makes a service of a user of its own; what it has pulled can be read by all."""
    service = tmp_path / "service"
    put(service, "registry.ollama.ai", "library", "q", "latest")
    monkeypatch.setattr(ollama_store, "SERVICES", (service,))
    assert service == ollama_store.store_of("q", {"HOME": str(tmp_path)})


def test_a_tag_that_is_nowhere_can_be_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner is told how."""
    monkeypatch.setattr(ollama_store, "SERVICES", ())
    with pytest.raises(EngineError, match="run: hostd pull ollama:q:9b") as caught:
        ollama_store.store_of("q:9b", {"HOME": str(tmp_path)})
    assert ExitClass.MISSING_FILE == caught.value.exit_class


def test_ollama_needs_a_home(tmp_path: Path) -> None:
    """Where a service has no home folder, the owner is told to set one."""
    assert tmp_path == ollama_store.home({"HOME": str(tmp_path)})
    with pytest.raises(EngineError, match="set HOME where hostd starts"):
        ollama_store.home({"HOME": str(tmp_path / "none")})


def test_a_name_without_a_tag_means_the_latest() -> None:
    """A colon in a host's port is no tag."""
    assert ("q:latest", "q:9b") == (ollama_store.full_name("q"), ollama_store.full_name("q:9b"))
    assert "h:5000/a/b:latest" == ollama_store.full_name("h:5000/a/b")
