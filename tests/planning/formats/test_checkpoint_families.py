"""What checkpoints leave out is known of their families."""

from hostd.planning.formats.checkpoint_families import CHECKPOINT_FAMILIES, Pattern


def test_patterns_that_repeat_say_how_often() -> None:
    """A family whose layers alternate has a period; the others have none."""
    alternating = {Pattern.SLIDING, Pattern.LINEAR}
    assert all((family.pattern in alternating) == (family.every > 1) for family in CHECKPOINT_FAMILIES.values())


def test_sliding_families_have_a_window() -> None:
    """A layer that slides needs to know how far it sees."""
    assert all((family.pattern is Pattern.SLIDING) == (family.window > 0) for family in CHECKPOINT_FAMILIES.values())


def test_names_are_those_of_the_text_model() -> None:
    """Families are looked up without the ending that nested configurations carry."""
    assert [] == [name for name in CHECKPOINT_FAMILIES if name.endswith("_text")]
