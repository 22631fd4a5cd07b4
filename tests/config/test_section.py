"""What every section has in common."""

from hostd.config.section import Section, key, long_form
from hostd.config.yaml_positions import ConfigIssue, parse


class _Lamp(Section):
    colour: str = key("Its colour.", "white")
    watts: int | None = key("Its power.")


def _read(text: str) -> tuple[_Lamp, list[ConfigIssue]]:
    complaints: list[ConfigIssue] = []
    return _Lamp.model_validate(parse(text)[0], context=complaints), complaints


def test_unknown_keys_are_told_and_left_out() -> None:
    """The complaint stands at the key, and the keys beside it still count."""
    lamp, complaints = _read("watts: 5\ncolor: red\n")
    assert {"watts": 5} == lamp.written()
    assert [("unknown key 'color'; did you mean 'colour'?", (2, 1))] == complaints


def test_a_key_without_value_is_not_written() -> None:
    """An owner may comment out a value and leave its key; an unknown key is told even so."""
    lamp, complaints = _read("colour:\nwats:\n")
    assert ({}, "white") == (lamp.written(), lamp.colour)
    assert ["unknown key 'wats'; did you mean 'watts'?"] == [message for message, _ in complaints]


def test_nothing_is_an_empty_section() -> None:
    """A section whose keys are all commented out holds its defaults."""
    assert {} == _Lamp.model_validate(None, context=[]).written()


def test_short_forms_are_spelt_out() -> None:
    """A value of the short form's type becomes the long form's mapping; others stay as they are."""
    assert {"to": "x"} == long_form("x", "to", str)
    assert 3 == long_form(3, "to", str)
