"""The table of ggml's types."""

import pytest

from hostd.planning.formats.tensor_types import CACHE_TYPES, FILE_TYPES, TENSOR_TYPES


@pytest.mark.parametrize(
    ("name", "elements", "expected"),
    [
        ("f32", 10, 40),
        ("f16", 32, 64),
        ("q8_0", 32, 34),
        ("q4_K", 512, 288),
        ("mxfp4", 64, 34),
        ("iq1_s", 256, 50),
        ("q8_0", 33, 68),
    ],
)
def test_rows_take_whole_blocks(name: str, elements: int, expected: int) -> None:
    """A row takes the bytes of its blocks, one that is begun included."""
    (kind,) = (kind for kind in TENSOR_TYPES.values() if kind.name == name)
    assert expected == kind.bytes_for(elements)


def test_cache_types_are_those_of_the_engine() -> None:
    """A KV cache may be stored in nine types."""
    assert {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"} == CACHE_TYPES.keys()


def test_mixtures_have_the_numbers_that_converters_write() -> None:
    """The labels people know stand at the numbers that files carry."""
    expected = {
        0: "F32",
        1: "F16",
        7: "Q8_0",
        15: "Q4_K_M",
        18: "Q6_K",
        30: "IQ4_XS",
        32: "BF16",
        36: "TQ1_0",
        38: "MXFP4",
        41: "Q2_0",
    }
    assert expected.items() <= FILE_TYPES.items()
    assert 33 not in FILE_TYPES
