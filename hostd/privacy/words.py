"""Names and words that the owner calls private, such as those of projects and customers."""

import re
from collections.abc import Iterator, Sequence

from hostd.domain.private_data import DataKind
from hostd.privacy.pattern import Anchor, DataPattern

_LONGEST = 200
"""Characters of one name with what stands between its parts."""


def patterns_of(words: Sequence[str]) -> Iterator[DataPattern]:
    """Yield what finds each of *words*, in any case, with white space or a hyphen between its parts."""
    for word in words:
        if parts := word.split():
            form = r"[\s_-]{0,3}".join(map(re.escape, parts))
            anchor = Anchor(1, _LONGEST, literals=(parts[0].lower(),))
            yield DataPattern(DataKind.WORD, anchor, re.compile(rf"(?i)(?<!\w){form}(?!\w)"))
