"""What people see of tables."""

import pytest

from hostd.cli.output import Column, emit, show_pairs, show_table

COLUMNS = (
    Column("MODEL", flexible=True),
    Column("STATE"),
    Column("N", right=True),
    Column("LAST ERROR", flexible=True),
)
ROWS = [("a-model-with-a-long-name", "ready", "7", "an error that goes on " * 10), ("b", "cold", "12", "-")]


def test_a_pipe_gets_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a pipe, one row is one line, and nothing is cut or coloured."""
    show_table(COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert ["MODEL", "STATE", "N", "LAST", "ERROR"] == lines[0].split()
    assert "a-model-with-a-long-name  ready   7  " + "an error that goes on " * 10 == lines[1].rstrip() + " "
    assert 3 == len(lines)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_table_fits_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """When it is narrow, long cells end in an ellipsis; rows do not wrap and short columns stay whole."""
    monkeypatch.setenv("COLUMNS", str(width))
    show_table(COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert 3 == len(lines)
    assert all(len(line) <= width for line in lines)
    assert "…" in lines[1]
    assert "ready" in lines[1]


def test_a_narrow_table_gives_up_what_matters_least(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns without content go first, then the extra ones from the right; what is left is whole."""
    columns = (Column("A"), Column("EMPTY"), Column("B", extra=True), Column("C", extra=True), Column("D"))
    rows = [("a" * 9, "-", "b" * 9, "c" * 9, "d" * 9), ("a", "-", "b", "c", "d")]
    for width, titles in ((49, "A EMPTY B C D"), (48, "A B C D"), (41, "A B D"), (30, "A D")):
        monkeypatch.setenv("COLUMNS", str(width))
        show_table(columns, rows)
        assert titles == " ".join(capsys.readouterr().out.splitlines()[0].split())


def test_states_are_coloured_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that knows colours shows a ready model in green, unless NO_COLOR is set."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    show_table(COLUMNS, ROWS)
    assert "\x1b[32mready" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    show_table(COLUMNS, ROWS)
    assert "\x1b[32m" not in capsys.readouterr().out


def test_long_values_stay_in_their_column(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is longer than the line goes on below itself, with nothing lost."""
    monkeypatch.setenv("COLUMNS", "30")
    show_pairs([("command", "x" * 45), ("state", "ready")])
    assert ["command  " + "x" * 21, " " * 9 + "x" * 21, "         xxx", "state    ready"] == [
        line.rstrip() for line in capsys.readouterr().out.splitlines()
    ]


def test_markup_in_data_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets in an engine's words are shown, not obeyed."""
    show_table([Column("A")], [("[red]x[/red] :smile:",)])
    assert "[red]x[/red] :smile:" in capsys.readouterr().out


def test_json_keeps_every_alphabet(capsys: pytest.CaptureFixture[str]) -> None:
    """Letters beyond ASCII are printed as themselves."""
    emit({"name": "größe"})
    assert '{\n  "name": "größe"\n}\n' == capsys.readouterr().out


def test_a_pipe_gets_the_same_table_as_a_wide_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Column by column, whichever of the two draws it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    show_table(COLUMNS, ROWS)
    piped = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "1000")
    show_table(COLUMNS, ROWS)
    assert capsys.readouterr().out == piped
