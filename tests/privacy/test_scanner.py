"""What a scan leads to: the strongest action of what it finds, in a time that grows with the text alone."""

import json
import random
import time
from typing import Any

import pytest

from hostd.domain.private_data import DataKind, PrivacySettings, ScanAction
from hostd.privacy.pattern import Detected
from hostd.privacy.scanner import Scanner
from tests.privacy.finding import SCANNER


def test_the_strongest_action_of_the_kinds_found_holds() -> None:
    """A kind that is off is not even looked for."""
    kinds = {DataKind.CARD: ScanAction.BLOCK, DataKind.ADDRESS: ScanAction.OFF, DataKind.PHONE: ScanAction.MASK}
    scanner = Scanner(PrivacySettings(ScanAction.STAY_LOCAL, kinds))
    assert scanner.scan({"m": "+49 170 1234567"}).action is ScanAction.MASK
    assert scanner.scan({"m": "+49 170 1234567 a@example.com"}).action is ScanAction.STAY_LOCAL
    assert scanner.scan({"m": "a@example.com 4111 1111 1111 1111"}).action is ScanAction.BLOCK
    assert scanner.scan({"m": "192.168.1.17"}).action is ScanAction.OFF


def test_a_further_detector_is_asked_for_the_same_text() -> None:
    """Its findings count like those of the patterns."""

    def names(text: str) -> list[Detected]:
        at = text.find("Anna")
        return [Detected(at, at + 4, DataKind.OTHER)] if at >= 0 else []

    scanner = Scanner(PrivacySettings(ScanAction.MASK), [names])
    assert scanner.scan({"m": "Anna"}).values == {"Anna": DataKind.OTHER}


@pytest.mark.slow
def test_no_text_takes_a_time_that_grows_with_its_square() -> None:
    """Twice as much of the worst texts takes about twice as long."""
    rng = random.Random(7)
    worst = ("a", "a@", "1 ", "a:", "a.", "1", "1-", "password=a", "a://a:", "sk-", "(at) ", "eyJa.", "AB12")
    for unit in (*worst, "-----BEGIN PRIVATE KEY-----", "".join(rng.choices("aA1@.-: ", k=50))):
        small, large = (_seconds({"m": unit * (size // len(unit))}) for size in (8_000, 32_000))
        assert large < 10 * small + 0.1, unit


def _seconds(request: dict[str, Any]) -> float:
    """Return the least time of a processor that scanning *request* takes."""
    times = []
    for _ in range(3):
        began = time.process_time()
        SCANNER.scan(json.loads(json.dumps(request)))
        times.append(time.process_time() - began)
    return min(times)
