"""What people see of tables."""

import json
from pathlib import Path

import pytest

from hostd.cli import output
from hostd.cli.output import Column, emit, emit_line, say, show_pairs, show_table, write_line, write_piece

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


_HOSTILE = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202egnirts\u2066"
_RAW = {*"\x1b\x07\r\x9b\u202e\u2066"}


def test_nothing_that_others_say_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences, lines, pieces, tables, pairs and JSON show control characters instead of passing them on."""
    say(_HOSTILE)
    write_line(_HOSTILE)
    for letter in _HOSTILE:
        write_piece(letter)
    show_table(COLUMNS, [(_HOSTILE, "ready", "7", f"{_HOSTILE}\nforged  ready  1  -")])
    show_pairs([(_HOSTILE, _HOSTILE)])
    emit_line({_HOSTILE: [_HOSTILE]})
    out, err = capsys.readouterr()
    assert not _RAW & {*out, *err}
    assert "\nforged" not in out
    assert json.loads(out.splitlines()[-1]) == {_HOSTILE: [_HOSTILE]}


def test_a_sentence_from_elsewhere_forges_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """What follows a line break is set in, so that only hostd's own sentences begin with its name."""
    say("the server said: no\nhostd: all is well")
    assert "hostd: the server said: no\n  hostd: all is well\n" == capsys.readouterr().err


def test_a_terminal_gets_no_control_characters_in_tables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds where rich writes the table, too."""
    monkeypatch.setenv("COLUMNS", "200")
    show_table(COLUMNS, [(_HOSTILE, "ready", "7", _HOSTILE)])
    assert not _RAW & {*capsys.readouterr().out}


def test_all_that_verbs_print_passes_one_module() -> None:
    """No other module of the command line prints by itself."""
    folder = Path(output.__file__).parent
    assert ["output.py"] == [file.name for file in folder.rglob("*.py") if "typer.echo" in file.read_text("utf-8")]
