"""An architecture's numbers."""

import pytest

from hostd.planning.formats.gguf import GgufHeader, parse
from hostd.planning.formats.gguf_cursor import GgufError
from hostd.planning.formats.gguf_keys import GgufMetadata
from tests.planning.stub import strings, stub

HEADER = parse(
    stub(
        {
            "general.architecture": "llama",
            "general.name": "n",
            "general.file_type": 7,
            "llama.one": 5,
            "llama.many": [1, 9],
            "llama.words": strings([b"a"]),
        }
    )
)
assert isinstance(HEADER, GgufHeader)
KEYS = GgufMetadata(HEADER)


def test_numbers_are_read_by_their_short_names() -> None:
    """A number is found by its name within the architecture, the largest of several, or the default."""
    assert [5, 9, 0, 3] == [KEYS.number("one"), KEYS.number("many"), KEYS.number("none"), KEYS.number("none", 3)]


def test_one_number_holds_for_all_layers() -> None:
    """One number per layer comes from a list, from one number, or from the default."""
    assert [(1, 9), (5, 5), (4, 4)] == [
        KEYS.per_layer("many", 2),
        KEYS.per_layer("one", 2),
        KEYS.per_layer("none", 2, 4),
    ]


def test_general_keys_belong_to_no_architecture() -> None:
    """Names and lengths are found by their whole names."""
    assert ("n", "", 7, None, 1) == (
        KEYS.text("general.name"), KEYS.text("x"), KEYS.general("general.file_type"), KEYS.general("x"), KEYS.length("llama.words"),
    )  # fmt: skip


def test_words_are_no_numbers() -> None:
    """A list of words where numbers belong is refused."""
    with pytest.raises(GgufError, match="no number of layers explains"):
        KEYS.number("words")
    assert [True, False] == [KEYS.is_array("many"), KEYS.is_array("one")]
