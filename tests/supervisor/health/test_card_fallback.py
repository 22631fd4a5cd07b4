"""An engine that goes on without its card is found by what it says, and no other."""

import pytest

from hostd.supervisor.health.card_fallback import without_card

AFTER_SUSPEND = "ggml_cuda_init: failed to initialize CUDA: unknown error"
NO_ROCM = "ggml_cuda_init: failed to initialize ROCm: no ROCm-capable device is detected"
FINE = "load_tensors: offloaded 33/33 layers to GPU"


@pytest.mark.parametrize(
    ("lines", "pools", "found"),
    [
        ((FINE, AFTER_SUSPEND), ("cuda:0",), AFTER_SUSPEND),
        ((FINE, NO_ROCM), ("rocm:1",), NO_ROCM),
        ((FINE,), ("cuda:0",), None),
        ((NO_ROCM, FINE), ("cuda:0", "cuda:1"), None),
        ((AFTER_SUSPEND,), ("metal",), None),
        ((AFTER_SUSPEND,), (), None),
    ],
)
def test_finds_the_line(lines: tuple[str, ...], pools: tuple[str, ...], found: str | None) -> None:
    """What a build says of another kind of cards than it was placed on is no reason."""
    assert found == without_card(lines, pools)
