"""What Presidio finds becomes a kind of hostd's, at the right place; the real package is asked where it is installed."""

import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hostd.dialects.request_document import RequestDocument
from hostd.domain.catalog import Catalog
from hostd.domain.private_data import DataKind, DetectorSettings, PrivacySettings, ScanAction
from hostd.domain.profile import Settings
from hostd.gateway import presidio_detector
from hostd.gateway.presidio_detector import Entity, PresidioDetector, TooMuchText, kind_of
from hostd.gateway.screening import Screen
from hostd.privacy.scanner import BETWEEN, Detector, Scanner


class _Analyser:
    """Finds each of *entities* by its words, as Presidio would, and keeps what it was asked."""

    def __init__(self, **entities: str) -> None:
        self.entities = entities
        self.asked: list[str] = []

    def __call__(self, text: str) -> Iterator[Entity]:
        self.asked.append(text)
        for entity, words in self.entities.items():
            if (at := text.find(words)) >= 0:
                yield Entity(entity, at, at + len(words))


def _found(detector: Detector, text: str) -> list[tuple[str, DataKind]]:
    return [(text[each.start : each.end], each.kind) for each in detector(text)]


@pytest.mark.parametrize(
    ("entity", "kind"),
    [
        ("PERSON", DataKind.PERSON),
        ("LOCATION", DataKind.LOCATION),
        ("PHONE_NUMBER", DataKind.PHONE),
        ("CREDIT_CARD", DataKind.CARD),
        ("IBAN_CODE", DataKind.IBAN),
        ("US_SSN", DataKind.NATIONAL_ID),
        ("PL_PESEL", DataKind.NATIONAL_ID),
        ("US_BANK_NUMBER", DataKind.OTHER),
        ("CRYPTO", DataKind.OTHER),
        ("NRP", DataKind.OTHER),
        ("SOMETHING_NEW", DataKind.OTHER),
        ("DATE_TIME", None),
        ("URL", None),
        ("ORGANIZATION", None),
        ("EMAIL_ADDRESS", None),
        ("IP_ADDRESS", None),
    ],
)
def test_entities_have_kinds(entity: str, kind: DataKind | None) -> None:
    """What is not known counts as private; what hostd finds itself, and what is seldom private, does not."""
    assert kind_of(entity) is kind


def test_findings_stand_where_they_are_in_the_whole_text() -> None:
    """Names end with their line, and begin and end with a letter or digit."""
    detector = PresidioDetector(_Analyser(PERSON="(Anna\n\nTom Ray)", DATE_TIME="Monday"))
    text = BETWEEN.join(("Monday for", "see (Anna\n\nTom Ray) on Monday"))
    assert [("Anna", DataKind.PERSON), ("Tom Ray", DataKind.PERSON)] == _found(detector, text)


def test_words_that_stand_alone_are_no_names() -> None:
    """Names of members and tools are not read; a number is, and so is a language without spaces."""
    asked = _Analyser(PERSON="Bash", LOCATION="北京", PL_PESEL="44051401359")
    detector = PresidioDetector(asked)
    assert [("44051401359", DataKind.NATIONAL_ID), ("北京", DataKind.LOCATION)] == _found(
        detector, BETWEEN.join(("role", "Bash", "44051401359", "我住在北京", "Bash3"))
    )
    assert asked.asked == ["44051401359", "我住在北京", "Bash3"]


def test_placeholders_are_no_names() -> None:
    """What a mask has put there is not found again, but what stands beside it is."""
    masked = "ask [PERSON_1a2b3c4d] and [PERSON_1a2b3c4e] Ray"
    inside = _Analyser(PERSON="PERSON_1a2b3c4d]", NRP="[PERSON_1a2b3c4e] Ray")
    assert [("PERSON_1a2b3c4e] Ray", DataKind.OTHER)] == _found(PresidioDetector(inside), masked)


def test_long_texts_are_read_in_portions_and_only_once() -> None:
    """No name is lost between two of them; a conversation that goes on costs what is new in it."""
    asked = _Analyser(PERSON="Anna Ray")
    detector = PresidioDetector(asked)
    for at in (0, 800, 893, 899, 900, 992, 999, 1_000, 1_795, 5_000):
        text = "a " * (at // 2) + "b" * (at % 2) + "Anna Ray" + " a" * (3_000 - at // 2)
        assert ("Anna Ray", DataKind.PERSON) in _found(detector, text), at
        assert all(len(each) <= 1_000 for each in asked.asked)
        before = len(asked.asked)
        assert ("Anna Ray", DataKind.PERSON) in _found(detector, text)
        assert ("Anna Ray", DataKind.PERSON) in _found(detector, f"{text}{BETWEEN}and on")
        assert len(asked.asked) == before + (at == 0)


def test_more_than_a_scan_may_take_fails_and_gets_further_the_next_time() -> None:
    """Nothing is known of the rest, so that the whole scan has to fail."""
    letters = random.Random(3)
    text = BETWEEN.join(" ".join("".join(letters.choices("abcdefgh", k=7)) for _ in range(1000)) for _ in range(60))
    detector = PresidioDetector(_Analyser(PERSON="nobody"))
    with pytest.raises(TooMuchText):
        list(detector(text))
    for _ in range(6):
        try:
            assert [] == list(detector(text))
        except TooMuchText:
            continue
        break
    else:
        pytest.fail("no scan came to the end")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a model of spaCy's that knows a few names."""
    spacy: Any = pytest.importorskip("spacy")
    pytest.importorskip("presidio_analyzer")
    reader = spacy.blank("en")
    ruler = reader.add_pipe("entity_ruler")
    names = {"PERSON": ("Anna Schmidt", "Tom Ray", "May"), "GPE": ("Berlin",), "ORG": ("Acme",)}
    ruler.add_patterns([{"label": label, "pattern": name} for label, words in names.items() for name in words])
    folder = tmp_path_factory.mktemp("model")
    reader.to_disk(folder)
    return str(folder)


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="Presidio is not made for it")
async def test_presidio_itself_finds_names_and_the_mask_holds(
    model: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a network; nothing that it reads is logged, and the cloud gets words only where they are no names."""
    monkeypatch.setattr("socket.socket.connect", None)
    detector = presidio_detector.detector(models={"en": model}, threshold=0.5, allow=["Tom Ray"])
    said = "Anna Schmidt of Acme met Tom Ray in Berlin. May I? Maybe. NIE X2482300W, IBAN DE89370400440532013001, a@b.example"
    wanted = {
        "Anna Schmidt": DataKind.PERSON,
        "Berlin": DataKind.LOCATION,
        "May": DataKind.PERSON,
        "X2482300W": DataKind.NATIONAL_ID,
        "a@b.example": DataKind.EMAIL,
    }
    privacy = PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("presidio"),), timeout=30)
    assert Scanner(privacy, [detector]).scan({"m": said}).values == wanted
    screen = Screen(Catalog(Settings(privacy=privacy)), lambda _: [detector])
    document = RequestDocument.of({"model": "May", "messages": [{"role": "user", "content": said}]})
    mask = await screen.mask_of(await screen.scan(document), document)
    assert mask is not None
    masked = str(mask.mask(dict(document)))
    assert "Maybe. NIE [NATIONALID_" in masked
    assert "Tom Ray" in masked
    assert not any(word in masked for word in ("Anna", "Berlin", "May ", "X2482300W"))
    assert "DE8937" not in "".join(capfd.readouterr())
    unsure = presidio_detector.detector(models={"en": model}, threshold=0.9, allow=[])
    assert [("4111 1111 1111 1111", DataKind.CARD)] == _found(unsure, "Anna Schmidt pays by 4111 1111 1111 1111")
