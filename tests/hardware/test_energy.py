"""Energy is read from the cards that count it."""

import pytest

from hostd.hardware.energy import EnergyCounter
from tests.hardware.fake_driver import FakeDriver

CARDS = "".join(f"gpu A;GPU-{at};0000000{at}:01:00.0;100;3;10;8.6\n" for at in (1, 2))
READ = """
import os
from pathlib import Path
from hostd.hardware.energy import EnergyCounter
counter, answer = EnergyCounter(lambda: True), []
for text in given[0]:
    Path(os.environ["FAKE_NVML"]).write_text(text)
    answer.append(counter.taken())
"""


@pytest.mark.parametrize(
    ("joules", "taken"),
    [
        ([(100, 50), (160, 55), (160, 65)], [None, 65.0, 10.0]),
        ([(100, 50), (20, 55)], [None, 25.0]),
        ([(100, None), (130, None)], [None, 30.0]),
        ([(None, None), (None, None)], [None, None]),
        ([(None, 5), (7, 9)], [None, 4.0]),
    ],
)
def test_what_cards_took_since_the_last_reading(
    driver: FakeDriver, joules: list[tuple[int | None, ...]], taken: list[float | None]
) -> None:
    """All together; a counter that begins anew is no energy given back, and a card that counts none is left out."""
    said = [
        CARDS + "".join(f"joules {at} {each}\n" for at, each in enumerate(row) if each is not None) for row in joules
    ]
    assert driver.run(READ, said) == taken


def test_without_a_driver_nothing_is_known(no_driver: FakeDriver) -> None:
    """As on a machine without a card, where the driver is not looked for."""
    assert no_driver.run(READ, ["", ""]) == [None, None]
    assert EnergyCounter(lambda: False).taken() is None
