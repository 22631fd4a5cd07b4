"""Questions and answers from docstrings."""

import importlib

docstrings = importlib.import_module("demo_models.docstrings")


def test_first_paragraphs_stop_before_an_example() -> None:
    """The prose is kept on one line; a session and what follows it is not."""
    doc = "Add two\n    numbers.\n\n    They may be large.\n\n    >>> add(1, 2)\n    3\n\n    More."
    expected = "Add two numbers. They may be large."
    assert expected == docstrings.first_paragraphs(doc)


def test_first_paragraphs_keep_to_printable_ascii() -> None:
    """What a tiny vocabulary would waste tokens on is left out."""
    expected = "Naive caf."
    assert expected == docstrings.first_paragraphs("Naive café.")


def test_first_paragraphs_cut_a_long_first_one() -> None:
    """A paragraph over the limit is cut rather than lost."""
    expected = 240
    assert expected == len(docstrings.first_paragraphs("x" * 1000))
