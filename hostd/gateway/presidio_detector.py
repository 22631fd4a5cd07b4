"""Names of people and places, and numbers of many countries, as Presidio finds them: the extra ``hostd[presidio]``.

A small model of spaCy's reads some 20,000 characters in a second. What a conversation repeats at each turn is therefore looked up
by its digest, so that a turn costs what is new in it. Nothing is ever downloaded.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hostd.domain.private_data import DataKind
from hostd.privacy.masking import PLACEHOLDER
from hostd.privacy.pattern import Detected
from hostd.privacy.scanner import BETWEEN, Detector

_KINDS: Mapping[str, DataKind] = {
    "PERSON": DataKind.PERSON,
    "LOCATION": DataKind.LOCATION,
    "EMAIL": DataKind.EMAIL,
    "PHONE_NUMBER": DataKind.PHONE,
    "CREDIT_CARD": DataKind.CARD,
    "IBAN_CODE": DataKind.IBAN,
    "MEDICAL_LICENSE": DataKind.NATIONAL_ID,
    "US_BANK_NUMBER": DataKind.OTHER,
}
_LEFT_OUT = frozenset(
    (
        # Its recogniser asks the network for a list of domains; hostd's own rule finds them.
        "EMAIL_ADDRESS",
        # Which of these are private, hostd's own rule knows: not those of the loopback, for one.
        "IP_ADDRESS",
        "MAC_ADDRESS",
        # No secret, or too often none.
        "ABA_ROUTING_NUMBER",
        "AGE",
        "DATE_TIME",
        "ORGANIZATION",
        "URL",
        "UUID",
    )
)
_OF_A_COUNTRY = re.compile(r"[A-Z]{2}_\w+")
_NAMES = (DataKind.PERSON, DataKind.LOCATION)
_PORTION = 1_000
"""Characters that are read at once: spaCy keeps Python from all else while it multiplies matrices of their size."""
_OVERLAP = 100
"""Characters that two portions share, so that no name is cut in both."""
_MOST = 100_000
"""Characters that one scan may read anew: some seconds."""
_REMEMBERED = 20_000
_LINE = re.compile(r"\w(?:[^\r\n]*\w)?")


class TooMuchText(Exception):
    """More text than is read in one scan; what was read is remembered, so that the next one gets further."""


class Entity(NamedTuple):
    """What Presidio takes the characters from *start* to *end* for, in its own word."""

    name: str
    start: int
    end: int


def kind_of(entity: str) -> DataKind | None:
    """Return the kind of private data that Presidio calls *entity*; None for what is not private. Unknown ones are."""
    if entity in _LEFT_OUT:
        return None
    return _KINDS.get(entity, DataKind.NATIONAL_ID if _OF_A_COUNTRY.fullmatch(entity) else DataKind.OTHER)


class PresidioDetector:
    """Finds private data in texts by *analyse*, which is given portions of them."""

    def __init__(self, analyse: Callable[[str], Iterable[Entity]]) -> None:
        self._analyse = analyse
        self._known: dict[bytes, tuple[Detected, ...]] = {}

    def __call__(self, text: str) -> Iterator[Detected]:
        """Yield what is found in *text*.

        Raises:
            TooMuchText: There was more to read than one scan may take.
        """
        start, unread = 0, _MOST
        for piece in text.split(BETWEEN):
            for at in range(0, max(1, len(piece) - _OVERLAP), _PORTION - _OVERLAP):
                portion = piece[at : at + _PORTION]
                if _says_something(portion):
                    digest = hashlib.blake2b(portion.encode("utf-8", "surrogatepass"), digest_size=16).digest()
                    if (found := self._known.pop(digest, None)) is None:
                        if unread <= 0:
                            raise TooMuchText
                        unread -= len(portion)
                        found = tuple(self._found(portion))
                    self._remember(digest, found)
                    for each in found:
                        yield Detected(start + at + each.start, start + at + each.end, each.kind)
            start += len(piece) + len(BETWEEN)

    def _remember(self, digest: bytes, found: tuple[Detected, ...]) -> None:
        self._known[digest] = found
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _found(self, portion: str) -> Iterator[Detected]:
        placeholders = [match.span() for match in PLACEHOLDER.finditer(portion)]
        for entity in self._analyse(portion):
            kind = kind_of(entity.name)
            if kind is None or (kind in _NAMES and _is_word(portion)):
                continue
            # Names that spaCy finds go on over the ends of lines.
            for match in _LINE.finditer(portion, entity.start, entity.end):
                if not any(first <= match.start() and match.end() <= last for first, last in placeholders):
                    yield Detected(match.start(), match.end(), kind)


def _is_word(text: str) -> bool:
    """Return whether *text* is one word, such as a name in a protocol or of a tool: models take some of those for people's."""
    return text.isascii() and len(text.split(maxsplit=1)) < 2


def _says_something(text: str) -> bool:
    return not _is_word(text) or any(map(str.isdigit, text))


def detector(models: Mapping[str, str], threshold: float, allow: Sequence[str]) -> Detector:
    """Return the detector, with spaCy's model of each language, for findings with a score of *threshold* (0 to 1) and more.

    *allow* has words that are no private data.

    Raises:
        ImportError: The extra is not installed.
        OSError: A model is not, or it is of another version.
    """
    import spacy  # noqa: PLC0415 - a second and 150 MB, for those alone who have asked for it
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415

    # It logs numbers that fail their check.
    logging.getLogger("presidio-analyzer").disabled = True
    reader = SpacyNlpEngine([{"lang_code": language, "model_name": model} for language, model in models.items()])
    # Its own way to load them downloads what is missing, and takes a graphics card where there is one.
    reader.nlp = {language: spacy.load(model, exclude=["parser"]) for language, model in models.items()}
    engine = AnalyzerEngine(nlp_engine=reader, supported_languages=list(models))
    wanted = {
        language: [each for each in engine.get_supported_entities(language) if kind_of(each) is not None]
        for language in models
    }

    def analyse(text: str) -> Iterator[Entity]:
        for language, entities in wanted.items():
            for each in engine.analyze(
                text, language, entities=entities, score_threshold=threshold, allow_list=list(allow)
            ):
                yield Entity(each.entity_type, each.start, each.end)

    return PresidioDetector(analyse)
