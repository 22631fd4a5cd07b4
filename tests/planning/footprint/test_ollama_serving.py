"""Ollama's flags for its llama-server."""

import pytest

from hostd.planning.footprint.ollama_serving import ollama_batch, ollama_context, ollama_serving

GIB = 1 << 30


@pytest.mark.parametrize(("vram", "expected"), [(48 * GIB, 262_144), (24 * GIB, 32_768), (16 * GIB, 4_096), (0, 4_096)])
def test_the_context_follows_the_vram(vram: int, expected: int) -> None:
    """Without a context of the owner's, the machine's VRAM decides."""
    assert expected == ollama_context(vram)


@pytest.mark.parametrize(
    ("context", "flash", "expected"),
    [(4_096, "auto", 512), (4_097, "auto", 1024), (65_536, "auto", 2048), (65_536, "off", 512)],
)
def test_the_micro_batch_follows_the_context(context: int, flash: str, expected: int) -> None:
    """The micro-batch doubles and quadruples with the context, except without flash attention."""
    assert expected == ollama_serving(context, flash=flash).ubatch


def test_the_context_is_multiplied_by_the_requests() -> None:
    """Each parallel request has the whole context, in a cache of its own."""
    serving = ollama_serving(8192, 3)
    assert (24_576, 3, False) == (serving.context, serving.slots, serving.unified)


@pytest.mark.parametrize(("context", "parallel", "expected"), [(4096, 1, 512), (4096, 2, 1024), (16_384, 4, 2048)])
def test_the_micro_batch_follows_the_context_of_all_requests(context: int, parallel: int, expected: int) -> None:
    """As Ollama 0.32.15 wrote them: -c 8192 -np 2 came with -ub 1024."""
    assert expected == ollama_serving(context, parallel).ubatch


@pytest.mark.parametrize(("context", "expected"), [(1024, 1024), (16_384, 2048)])
def test_what_only_embeds_has_a_micro_batch_for_a_text(context: int, expected: int) -> None:
    """As Ollama 0.32.15 wrote them: -c 16384 -np 1 came with -ub 2048."""
    assert expected == ollama_batch(context, embeds=True)


def test_only_cards_with_cuda_get_a_small_micro_batch_without_flash_attention() -> None:
    """As Ollama 0.32.15 wrote them on a processor: --flash-attn off with -ub 2048."""
    assert (512, 2048) == tuple(ollama_batch(65_536, flash="off", cuda=cuda) for cuda in (True, False))
    assert 2048 == ollama_serving(65_536, batch=2048, flash="off").ubatch
