"""A model's header adds up."""

from pathlib import Path

from hostd.domain.shape import Shape
from hostd.models.header import Format, ModelHeader, WeightFile


def test_the_total_is_that_of_all_files() -> None:
    """Parts count together, and the status line says so."""
    files = (WeightFile("a", 2**30), WeightFile("b", 2**29))
    header = ModelHeader("m", Format.GGUF, Shape("llama", "m", ()), "a file", files, Path("/m/a"))
    assert 2**30 + 2**29 == header.total_bytes
    assert "<ModelHeader m gguf: 2 files, 1.50 GiB, /m/a>" == repr(header)
