"""YAML text with places."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hostd.config import yaml_positions
from hostd.config.yaml_positions import Position, YamlError, YamlMapping, YamlSequence, parse, place_of

_WORDS = st.text("abcé😀", min_size=1, max_size=4)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=12,
)


def _places(node: object) -> object:
    """Return every place in a node, in the node's own form."""
    if isinstance(node, YamlMapping):
        return node.at, node.keys_at, node.values_at, [_places(value) for value in node.values()]
    return (node.at, node.values_at, [_places(item) for item in node]) if isinstance(node, YamlSequence) else None


@given(tree=_TREES, flow=st.booleans())
def test_data_is_what_was_written(tree: object, *, flow: bool) -> None:
    """Whatever YAML a program writes is read back as the same data."""
    value, complaints = parse(yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True))
    assert (tree, []) == (value, complaints)


@given(tree=_TREES, flow=st.booleans())
def test_both_parsers_see_the_same_places(tree: object, *, flow: bool) -> None:
    """The fast parser's places are those of the reference parser, beyond ASCII too."""
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)
    seen = []
    for loader in (yaml_positions.LOADER, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_positions, "LOADER", loader)
            seen.append(_places(parse(text)[0]))
    assert seen[0] == seen[1]


def test_keys_and_values_have_places() -> None:
    """Lines and columns count from 1, and columns count characters rather than bytes."""
    table, _ = parse("a: 1\nbé: {c: [x, yy]}\n")
    assert {"a": Position(1, 1), "bé": Position(2, 1)} == table.keys_at
    assert {"a": Position(1, 4), "bé": Position(2, 5)} == table.values_at
    assert [Position(2, 10), Position(2, 13)] == table["bé"]["c"].values_at


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("08:30", "08:30"),
        ("1:30:00", "1:30:00"),
        ("2026-11-20", "2026-11-20"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("17", 17),
        ("-2", -2),
        ("4.5", 4.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("'17'", "17"),
    ],
)
def test_plain_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    """Only true, false, null and numbers are special; what YAML 1.1 makes of the rest surprises everybody."""
    read = parse(f"key: {text}\n{text}: key")[0]
    assert (value, type(value)) == (read["key"], type(read["key"]))
    assert [text.strip("'")] == [key for key in read if key != "key"]


def test_a_key_written_twice_is_told_at_the_second() -> None:
    """The first one is kept, the second is complained about with the line of the first."""
    table, complaints = parse("a: 1\nb: 2\na: 3\n")
    assert {"a": 1, "b": 2} == table
    message = "the key 'a' is written twice; the first is on line 1; keep one of them"
    assert [(message, Position(3, 1))] == complaints


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\t- x", (2, 1), "tab"),
        ("a: b: c", (1, 5), "no valid YAML"),
        ('a: "x', (1, 6), "no valid YAML"),
        ("a: x\x07", (1, 5), "U+0007"),
        ("a: 1\n---\nb: 2", (2, 1), "second document"),
        ("a: *b", (1, 4), "'*b'"),
        ("a: &a [*a]", (1, 8), "'*a'"),
        ("a: [\n", (2, 1), "no valid YAML"),
    ],
)
def test_broken_text_is_told_with_its_place(text: str, place: tuple[int, int], words: str) -> None:
    """What is no YAML is a sentence with a place."""
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert place == caught.value.complaint.at
    assert words in caught.value.complaint.message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 5_000 + "x",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    ],
    ids=["lists", "mappings", "block", "aliases"],
)
def test_hostile_text_is_refused_at_once(text: str) -> None:
    """Text that nests or multiplies beyond reason costs nothing."""
    start = time.process_time()
    with pytest.raises(YamlError):
        parse(text)
    assert time.process_time() - start < 1


def test_tags_and_odd_keys_are_complaints() -> None:
    """A tag makes nothing happen, and a list as a key hides no other key."""
    table, complaints = parse("a: !!python/object/apply:os.system [x]\n[b]: c\nd: 1\n")
    assert {"a": ["x"], "d": 1} == table
    assert [Position(1, 4), Position(2, 1)] == [complaint.at for complaint in complaints]


def test_an_alias_stands_for_its_anchor() -> None:
    """A reasonable alias is followed."""
    assert {"a": ["x"], "b": ["x"]} == parse("a: &a [x]\nb: *a\n")[0]


def test_an_index_becomes_a_place() -> None:
    """The character after a line break is the first of its line."""
    assert [Position(1, 1), Position(1, 3), Position(2, 1)] == [place_of("ab\nc", index) for index in (0, 2, 3)]
