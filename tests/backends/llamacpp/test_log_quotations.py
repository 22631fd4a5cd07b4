"""The log of llama-server tells what went wrong, and nothing of whose request."""

from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.llamacpp.log_quotations import QuotationFilter

# As printed by the build in xllamacpp 2026.10.
LOG = """0.01.500.000 I srv    operator(): all slots are idle
parse: error parsing grammar: expecting ::= at := "SECRET"
root := "SECRET" |
 main SECRET
main ::= "SECRET: " | "y"
0.02.500.000 I srv    operator(): task 7 is done
0.02.547.871 W srv    operator(): got exception: {"error":{"code":400,"message":"unrecognized type SECRET"}}
WARNING: JSON schema conversion was incomplete: pattern ^SECRET(?<x> is not supported
ggml_abort: that was all
"""


def test_quotations_are_left_out() -> None:
    """The lines that say what happened are kept, as are all others."""
    keep = LlamaCpp().without_quotes()
    kept = [text for line in LOG.splitlines() if (text := keep(line))]
    assert "SECRET" not in "".join(kept)
    assert [
        "0.01.500.000 I srv    operator(): all slots are idle",
        "parse: error parsing grammar",
        "0.02.500.000 I srv    operator(): task 7 is done",
        "0.02.547.871 W srv    operator(): got exception",
        "WARNING: JSON schema conversion was incomplete",
        "ggml_abort: that was all",
    ] == [line.partition(": (what follows")[0] for line in kept]


def test_a_quotation_without_an_end_does_not_hide_everything() -> None:
    """As in a build that begins its lines in another way; each process has a filter of its own."""
    keep = QuotationFilter()
    keep("error parsing grammar: x")
    kept = [keep(f"line {number}") for number in range(300)]
    assert ("", "line 299") == (kept[0], kept[-1])
    assert "line" == QuotationFilter()("line")


def test_builds_without_times_end_a_quotation_too() -> None:
    """By the names of the program's parts."""
    keep = QuotationFilter()
    for own in ("srv  update_slots: all slots are idle", "slot release: id 0", "llama_decode: failed", "main: ends"):
        keep("parse: error parsing grammar: x")
        assert ("", own) == (keep("root ::= x"), keep(own))
