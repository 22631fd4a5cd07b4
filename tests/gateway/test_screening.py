"""A request leaves the machine only if a scan has said so in time."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from hostd.dialects.request_document import RequestDocument
from hostd.domain.catalog import Catalog
from hostd.domain.private_data import DataKind, DetectorSettings, PrivacySettings, ScanAction
from hostd.domain.profile import Settings
from hostd.gateway.screening import Screen
from hostd.privacy.pattern import Detected
from hostd.privacy.scanner import Detector, ScanResult

_CLEAN = RequestDocument.of({"messages": [{"role": "user", "content": "Hello"}]})
_MAIL = RequestDocument.of({"messages": [{"role": "user", "content": "anna@example.com"}]})


def _screen(settings: PrivacySettings, *further: Detector) -> Screen:
    return Screen(Catalog(Settings(privacy=settings)), lambda _: list(further))


async def test_what_was_found_says_what_is_done() -> None:
    """Short requests at once, long ones in a thread, with the same outcome."""
    screen = _screen(PrivacySettings(ScanAction.STAY_LOCAL))
    long = RequestDocument.of({"messages": [{"role": "user", "content": "anna@example.com " + "word " * 8000}]})
    for document, kinds in ((_CLEAN, frozenset()), (_MAIL, {DataKind.EMAIL}), (long, {DataKind.EMAIL})):
        found = await screen.scan(document)
        assert found.kinds == kinds
        assert found.action is (ScanAction.STAY_LOCAL if kinds else ScanAction.OFF)


@pytest.fixture
def stuck() -> Iterator[Detector]:
    """A detector that does not come back until the test is over."""
    over = threading.Event()

    def detect(text: str) -> Sequence[Detected]:
        del text
        over.wait(60)
        return ()

    yield detect
    over.set()


async def test_a_scan_that_takes_too_long_keeps_the_request_here(stuck: Detector) -> None:
    """Also the next ones, while the detector is stuck."""
    screen = _screen(PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("stuck"),), timeout=0.01), stuck)
    for _ in range(2):
        found = await screen.scan(_CLEAN)
        assert (found.action, found.summary) == (ScanAction.STAY_LOCAL, "other")


def _broken(text: str) -> Sequence[Detected]:
    raise RuntimeError(text)


async def test_a_detector_that_fails_keeps_the_request_here_and_its_words_out_of_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a detector raises may quote what it was given."""
    found = await _screen(PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("broken"),)), _broken).scan(
        _MAIL
    )
    assert found.action is ScanAction.STAY_LOCAL
    assert "anna" not in "".join(capsys.readouterr())


async def test_a_detector_that_is_not_installed_keeps_the_request_here() -> None:
    """It is looked for when the first request is scanned."""
    screen = Screen(
        Catalog(Settings(privacy=PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("nobodys"),))))
    )
    assert (await screen.scan(_CLEAN)).action is ScanAction.STAY_LOCAL


def _finds(word: str) -> Callable[[str], Sequence[Detected]]:
    def detect(text: str) -> Sequence[Detected]:
        at = text.find(word)
        return () if at < 0 else (Detected(at, at + len(word), DataKind.OTHER),)

    return detect


async def test_what_a_mask_would_leave_is_not_masked() -> None:
    """Two parts that are read as one text, what JSON would have to escape, and a detector that still finds something."""
    screen = _screen(PrivacySettings(ScanAction.MASK, words=('the "x" plan',)), _finds("Anna"))
    parts = [{"type": "text", "text": "anna@exam"}, {"type": "text", "text": "ple.com"}]
    cases = (
        ({"messages": [{"role": "user", "content": "anna@example.com, Anna"}]}, True),
        ({"messages": [{"role": "user", "content": parts}]}, False),
        ({"messages": [{"role": "user", "content": 'the "x" plan'}]}, False),
        ({"messages": [{"role": "user", "content": [{"card": 4111111111111111}]}]}, False),
    )
    for body, restorable in cases:
        document = RequestDocument.of(body)
        found = await screen.scan(document)
        assert found.action is ScanAction.MASK
        assert ((await screen.mask_of(found, document)) is not None) is restorable, body


async def test_a_mask_is_extended_by_what_is_found_beside_its_placeholders() -> None:
    """Detectors judge words by those around them, and are never asked in the event loop's thread."""
    threads = set()

    def detect(text: str) -> Sequence[Detected]:
        threads.add(threading.current_thread())
        word = "Anna" if "Anna" in text else "Tom"
        return [Detected(match.start(), match.end(), DataKind.PERSON) for match in re.finditer(word, text)]

    screen = _screen(PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("each"),)), detect)
    document = RequestDocument.of({"messages": [{"role": "user", "content": "Anna and Tom and Tom"}]})
    found = await screen.scan(document)
    assert found.values == {"Anna": DataKind.PERSON}
    mask = await screen.mask_of(found, document)
    assert mask is not None
    masked = json.dumps(mask.mask(dict(document)))
    assert "Tom" not in masked
    assert json.loads(mask.restore(masked)) == dict(document)
    assert threading.current_thread() not in threads


async def test_a_mask_that_takes_too_long_is_none(stuck: Detector) -> None:
    """What is to be masked then stays here."""
    screen = _screen(PrivacySettings(ScanAction.MASK, detectors=(DetectorSettings("stuck"),), timeout=0.01), stuck)
    assert await screen.mask_of(ScanResult(values={"Anna": DataKind.PERSON}), _CLEAN) is None


async def test_settings_that_were_read_anew_hold_for_the_next_request() -> None:
    """One catalogue answers for them."""
    catalog = Catalog()
    screen = Screen(catalog)
    assert not screen.scans
    catalog.settings = Settings(privacy=PrivacySettings(ScanAction.BLOCK))
    assert screen.scans
    assert (await screen.scan(_MAIL)).action is ScanAction.BLOCK
    catalog.settings = Settings(privacy=PrivacySettings(ScanAction.BLOCK, {DataKind.EMAIL: ScanAction.OFF}))
    assert (await screen.scan(_MAIL)).action is ScanAction.OFF
