"""Where models are follows from the variables that the other programs use."""

from pathlib import Path

import pytest

from hostd.models.locations import find_locations, this_machine


def test_without_variables_the_usual_places_are_meant(tmp_path: Path) -> None:
    """Each program's default folder below the home folder."""
    locations = find_locations({}, tmp_path)
    assert tmp_path / ".cache/huggingface/hub" == locations.hub_cache
    assert (tmp_path / ".ollama/models", Path("/usr/share/ollama/.ollama/models")) == locations.ollama_stores[:2]
    assert (tmp_path / ".lmstudio/models", tmp_path / ".cache/lm-studio/models") == locations.lm_studio
    assert ("https://huggingface.co", "https://registry.ollama.ai", None) == (
        locations.hub,
        locations.registry,
        locations.hub_token,
    )


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        ({"HF_HOME": "/hf"}, "/hf/hub"),
        ({"HF_HOME": "/hf", "HF_HUB_CACHE": "/cache"}, "/cache"),
        ({"HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/huggingface/hub"),
    ],
)
def test_the_hubs_cache_is_where_its_programs_put_it(environ: dict[str, str], cache: str, tmp_path: Path) -> None:
    """The more particular variable goes before the more general."""
    assert Path(cache) == find_locations(environ, tmp_path).hub_cache


def test_the_owners_addresses_and_stores_are_honoured(tmp_path: Path) -> None:
    """A mirror is used as it is written, but for a slash at its end."""
    environ = {"HF_ENDPOINT": "https://mirror/", "OLLAMA_MODELS": "/o", "HOSTD_OLLAMA_REGISTRY": "https://r/"}
    locations = find_locations(environ | {"HF_HUB_OFFLINE": "1"}, tmp_path)
    assert ("https://mirror", "https://r", Path("/o"), True) == (
        locations.hub,
        locations.registry,
        locations.ollama_stores[0],
        locations.offline,
    )


def test_a_token_comes_from_the_variable_or_else_from_the_file(tmp_path: Path) -> None:
    """The variable goes first; the file may be switched off."""
    file = tmp_path / ".cache/huggingface/token"
    file.parent.mkdir(parents=True)
    file.write_text("hf_file\n")
    assert "hf_file" == find_locations({}, tmp_path).hub_token
    assert "hf_own" == find_locations({"HF_TOKEN": "hf_own"}, tmp_path).hub_token
    assert find_locations({"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, tmp_path).hub_token is None


@pytest.mark.parametrize("token", ["a\r\nx-evil: 1", "a b", "ä", "\x00"])
def test_a_token_that_could_write_headers_is_none(token: str, tmp_path: Path) -> None:
    """A token is printable and in one piece."""
    assert find_locations({"HF_TOKEN": token}, tmp_path).hub_token is None


def test_a_token_is_not_printed(tmp_path: Path) -> None:
    """What is printed for a look holds no secret."""
    assert "hf_own" not in repr(find_locations({"HF_TOKEN": "hf_own"}, tmp_path))


def test_this_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables count."""
    monkeypatch.setenv("HF_HUB_CACHE", "/somewhere")
    assert Path("/somewhere") == this_machine().hub_cache


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("gpu.example:11434", None),
        ("127.0.0.1:x", None),
    ],
)
def test_an_ollama_of_this_machine_is_known_by_its_variable(host: str | None, expected: str | None) -> None:
    """One on another machine keeps its models there."""
    assert expected == find_locations({} if host is None else {"OLLAMA_HOST": host}, Path("/home/me")).ollama_server
