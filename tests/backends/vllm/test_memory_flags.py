"""vLLM's flags that change its memory."""

from typing import Any

import pytest

from hostd.backends.vllm.memory_flags import memory_fields
from hostd.domain.profile import Flag

GIB = 1 << 30


@pytest.mark.parametrize(
    ("args", "fields"),
    [
        ({"speculative-config": '{"method": "mtp", "num_speculative_tokens": 2}'}, {"draft": 2}),
        ({"speculative-config.method": "deepseek_mtp", "speculative-config.num_speculative_tokens": 3}, {"draft": 3}),
        ({"spec-method": "mtp"}, {"draft": 1}),
        ({"speculative-config": '{"method": "ngram", "num_speculative_tokens": 4}'}, {"draft": 0}),
        ({"speculative-config": '{"model": "small", "num_speculative_tokens": 4}'}, {"draft": 0, "drafter": "small"}),
        ({"speculative-config": '{"method": "eagle3", "model": "o/head"}'}, {"draft": 0, "drafter": "o/head"}),
        ({"spec-model": "small"}, {"drafter": "small"}),
        ({"spec-method": "medusa"}, {"drafter": "?"}),
        ({"cpu-offload-gb": 2.5}, {"offload": 5 * GIB // 2}),
        ({"kv-offloading-size": 8}, {"host_kv": 8 * GIB}),
        ({"enable-lora": True}, {"adapters": 1, "adapter_rank": 16}),
        ({"enable-lora": True, "max-loras": 4, "max-lora-rank": 64}, {"adapters": 4, "adapter_rank": 64}),
        ({"max-loras": 4}, {"adapters": 0, "adapter_rank": 0}),
        ({"swap-space": 16}, {"offload": 0, "host_kv": 0}),
        ({"quantization": "awq_marlin", "dtype": "half"}, {}),
    ],
)
def test_what_can_be_counted_is(args: dict[str, Flag], fields: dict[str, Any]) -> None:
    """In long and in short, whole and by the keys of an object; what is never allocated counts nothing."""
    found = memory_fields(args)
    assert fields == {name: found[name] for name in fields}
    assert () == found["unreckoned"]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"pipeline-parallel-size": 2, "kv-transfer-config": "{}"}, ("kv-transfer-config", "pipeline-parallel-size")),
        ({"quantization": "fp8"}, ("quantization",)),
        ({"dtype": "float32"}, ("dtype",)),
    ],
)
def test_what_cannot_be_counted_is_named(args: dict[str, Flag], named: tuple[str, ...]) -> None:
    """So that nothing is promised."""
    assert named == memory_fields(args)["unreckoned"]


@pytest.mark.parametrize("value", ["{", "7", '{"num_speculative_tokens": "many", "method": "mtp"}'])
def test_nonsense_is_told(value: str) -> None:
    """As a bad value."""
    with pytest.raises(ValueError, match=r"JSON|many"):
        memory_fields({"speculative-config": value})
