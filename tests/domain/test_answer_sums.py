"""What an answer took."""

from hostd.domain.answer_sums import AnswerSums


def test_tokens_that_were_read_anew() -> None:
    """All but those that were cached; none where an engine tells more of these than the prompt has."""
    assert [100, 100, 30, 0] == [AnswerSums(100, cached).read for cached in (None, 0, 70, 120)]
