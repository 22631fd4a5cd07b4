"""What people write to name a model is understood, or refused before it reaches a disk or a hub."""

from pathlib import Path

import pytest

from hostd.domain.profile import Variant
from hostd.models.errors import BadReference
from hostd.models.reference import (
    FileReference,
    HubReference,
    OllamaReference,
    ProfileReference,
    is_safe_file,
    parse_reference,
    variant_reference,
)

ACTUAL = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:Qwen/Qwen3-8B", HubReference("Qwen/Qwen3-8B")),
        ("hf:gpt2", HubReference("gpt2")),
        ("hf:unsloth/Q-GGUF/UD/Q-00001-of-00002.gguf", HubReference("unsloth/Q-GGUF", "UD/Q-00001-of-00002.gguf")),
        (f"hf:a/b/c.gguf@{ACTUAL}", HubReference("a/b", "c.gguf", ACTUAL)),
        ("hf:a/b@refs/pr/3", HubReference("a/b", None, "refs/pr/3")),
        ("ollama:qwen3.5", OllamaReference("qwen3.5")),
        ("ollama:qwen3.5:9b-q4_K_M", OllamaReference("qwen3.5", "9b-q4_K_M")),
        ("ollama:me/tiny:1b", OllamaReference("tiny", "1b", "me")),
        ("ollama:hf.co/unsloth/Q-GGUF:Q4_K_M", OllamaReference("Q-GGUF", "Q4_K_M", "unsloth", "hf.co")),
        ("ollama:localhost:5000/me/tiny", OllamaReference("tiny", "latest", "me", "localhost:5000")),
        ("coder", ProfileReference("coder")),
        ("models/m.gguf", FileReference(Path("models/m.gguf"))),
        ("./coder", FileReference(Path("coder"))),
        ("/", FileReference(Path("/"))),
        ("  hf:a/b  ", HubReference("a/b")),
    ],
)
def test_each_way_to_name_a_model_has_its_noun(text: str, expected: object) -> None:
    """A hub, a registry, a profile, and a path are told apart by how they are written."""
    assert expected == parse_reference(text, ["coder"])


def test_a_file_that_exists_needs_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder here can be named plainly; a profile of the same name goes first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coder").mkdir()
    assert FileReference(Path("coder")) == parse_reference("coder")
    assert ProfileReference("coder") == parse_reference("coder", ["coder"])


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is the home folder, as in the files."""
    monkeypatch.setenv("HOME", "/home/me")
    assert FileReference(Path("/home/me/m.gguf")) == parse_reference("~/m.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hf:",
        "hf:../../etc/passwd",
        "hf:a/..",
        "hf:a--b/c",
        "hf:a/b/../../../c.gguf",
        "hf:a/b//c.gguf",
        "hf:a/b/c\\d.gguf",
        "hf:a/b/C:evil.gguf",
        "hf:a/b/run.py",
        "hf:a/b@../main",
        "hf:a/b@",
        "hf:a b/c",
        "hf:a/b/x\x00.gguf",
        "hf:a/b\r\nx: y",
        "ollama:",
        "ollama:..",
        "ollama:../x",
        "ollama:a/../b:c",
        "ollama:a:../b",
        "ollama:a/b/c/d",
        "ollama:a\\b",
        "ollama:/a",
        "unheard-of",
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(text: str) -> None:
    """No step up, no backslash, no drive, no control character, no absolute name and no program passes."""
    with pytest.raises(BadReference):
        parse_reference(text)


def test_an_unknown_word_is_answered_with_the_ways_to_write_it() -> None:
    """The message names the prefix that was forgotten."""
    with pytest.raises(BadReference, match="hf:Qwen/Qwen3-8B"):
        parse_reference("Qwen/Qwen3-8B")


@pytest.mark.parametrize(
    "reference",
    ["hf:a/b/c.gguf@dev", "hf:a/b", "ollama:q:9b", "ollama:q:latest", "ollama:hf.co/a/b:c", "ollama:me/q:1b"],
)
def test_a_reference_prints_as_it_is_written(reference: str) -> None:
    """What is shown can be typed again."""
    assert reference == str(parse_reference(reference))


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (Variant("llamacpp", path="/m.gguf"), FileReference(Path("/m.gguf"))),
        (Variant("llamacpp", hf="a/b", file="c.gguf"), HubReference("a/b", "c.gguf")),
        (Variant("vllm", hf="a/b"), HubReference("a/b")),
        (Variant("ollama", tag="q:9b"), OllamaReference("q", "9b")),
        (Variant("openai", url="http://127.0.0.1:1/v1", model="q"), None),
    ],
)
def test_a_variant_says_where_its_weights_are(variant: Variant, expected: object) -> None:
    """Each way to serve a profile leads to its weights, unless they are on a server that hostd does not run."""
    assert expected == variant_reference(variant)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b.gguf", True),
        ("..a", True),
        ("", False),
        ("/etc/passwd", False),
        ("a/../b", False),
        ("a/./b", False),
        ("a\\b", False),
        ("c:/x", False),
        ("a\nb", False),
        ("a\u202eb", False),
        ("a" * 513, False),
    ],
)
def test_names_from_a_hub_stay_below_their_folder(name: str, safe: bool) -> None:
    """R8, CVE-2026-7020 (Ollama): a name told by a hub may be joined to a folder only if it cannot leave it on any system."""
    assert safe is is_safe_file(name)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "a/b.ckpt"])
def test_a_pickled_file_is_refused_with_the_reason(file: str) -> None:
    """Loading it would run what is in it."""
    with pytest.raises(BadReference, match="can run any code"):
        parse_reference(f"hf:owner/model/{file}")
