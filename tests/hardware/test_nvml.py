"""NVML's answers, with types."""

import pytest

from tests.hardware.fake_driver import FakeDriver

CARD = "driver 1.2\ncuda 12080\ngpu A;GPU-1;00000000:01:00.0;100;3;10;8.6\n"
ASK = """
import os
from pathlib import Path
from hostd.hardware import nvml
Path(os.environ["FAKE_NVML"]).write_text(given[0])
try:
    nvml.start()
    one = nvml.device(0)
    answer = eval(given[1])
    nvml.stop()
except nvml.NvmlFault as fault:
    answer = fault.code, fault.why
"""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("nvml.count()", 1),
        ("nvml.cuda_version()", "12.8"),
        ("nvml.pci_bus_id(one)", "00000000:01:00.0"),
        ("nvml.compute_capability(one)", "8.6"),
        ("(nvml.memory(one).total, nvml.memory(one).reserved, nvml.memory(one).free)", (100 << 20, 3 << 20, 87 << 20)),
        ("nvml.processes(one, 'Compute')", {}),
        ("nvml.slices(one)", None),
        ("nvml.linked(one, one)", False),
    ],
)
def test_answers_are_plain(driver: FakeDriver, question: str, answer: object) -> None:
    """Numbers, text and bytes, without anything of the library's own."""
    assert answer == driver.run(ASK, CARD, question)


def test_text_that_is_none_is_a_fault(driver: FakeDriver) -> None:
    """A name in no known alphabet is a failure like others."""
    code, why = driver.run(
        ASK.replace("write_text(given[0])", "write_bytes(given[0])"),
        CARD.replace("A;", "\xff;").encode("latin-1"),
        "nvml.name(one)",
    )
    assert (999, True) == (code, "nvmlDeviceGetName gave bytes that are no text" in why)


def test_a_missing_function_is_a_fault(old_driver: FakeDriver) -> None:
    """An old driver is recognised by the functions that it lacks."""
    code, why = old_driver.run(ASK, CARD, "nvml.linked(one, one)")
    assert (13, True) == (code, why.startswith("the driver is too old for this question"))
