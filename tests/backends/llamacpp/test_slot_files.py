"""Where llama-server keeps slots, and for which engines a file is fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from hostd.backends.contract import SlotFiles
from hostd.backends.llamacpp import slot_files
from hostd.backends.llamacpp.command_line import arguments
from hostd.domain.profile import Capabilities, KvSettings, Profile, Variant


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's file; files of slots go below the same folder."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    return tmp_path / "m.gguf"


SAVING = Profile("m", (Variant("llamacpp", path="m.gguf"),), context=2048, kv=KvSettings(save=True))


def of(profile: Profile, path: Path, address: int = 1, program: tuple[str, ...] = ("/bin/false",)) -> SlotFiles | None:
    """Return where the slots of *profile* are kept."""
    return slot_files.slot_files(profile, path, program, arguments(profile, path, address))


def test_what_the_identity_depends_on(weights: Path) -> None:
    """On all that what is computed may depend on, and on nothing that differs from launch to launch."""
    first = of(SAVING, weights)
    assert first is not None
    assert weights.parent / "state" / "kv" == first.folder
    assert 0o700 == first.folder.stat().st_mode & 0o777
    same = (replace(SAVING, args={"threads": 2}), replace(SAVING, name="other"))
    assert {first} == {of(SAVING, weights, address=2), *(of(each, weights) for each in same)}
    others = [of(each, weights) for each in (replace(SAVING, kv_type="q8_0"), replace(SAVING, args={"rope-scale": 2}))]
    others.append(of(SAVING, weights, program=("/bin/true",)))
    weights.write_bytes(b"GGUF anew")
    others.append(of(SAVING, weights))
    assert len({first, *others}) == len(others) + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"kv": KvSettings()},
        {"capabilities": Capabilities(embeddings=True)},
        {"args": {"mmproj": "p.gguf"}},
        {"args": {"slot-save-path": "/mine"}},
    ],
)
def test_engines_that_keep_none(weights: Path, changes: dict[str, object]) -> None:
    """Unless the owner wants it, for models that see pictures or write no text, and where the owner does it by hand."""
    assert of(replace(SAVING, **changes), weights) is None  # type: ignore[arg-type]
    assert () == slot_files.folder_words(None)


def test_prompts_are_not_kept_twice(weights: Path) -> None:
    """The server's own cache of prompts is off, and so is the copying of idle slots."""
    words = arguments(SAVING, weights, 1)
    assert "0" == words[words.index("--cache-ram") + 1]
    assert "--cache-ram" not in arguments(replace(SAVING, kv=KvSettings()), weights, 1)
    files = of(SAVING, weights)
    assert {"LLAMA_ARG_CACHE_IDLE_SLOTS": "0"} == slot_files.variables(files)
    assert files is not None
    assert ("--slot-save-path", f"{files.folder}/") == slot_files.folder_words(files)
