"""Flags of vLLM that decide memory."""

from dataclasses import dataclass

from hostd.domain.host import Pool
from hostd.domain.shape import Shape

# Bytes per element of a KV cache, by the values of --kv-cache-dtype.
KV_TYPES = {
    "auto": 2,
    "bfloat16": 2,
    "float16": 2,
    "fp8": 1,
    "fp8_e4m3": 1,
    "fp8_e5m2": 1,
    "fp8_ds_mla": 1,
}
# vLLM's defaults are higher on cards of at least this size, A100 excepted (vllm/engine/arg_utils.py).
_LARGE = 70 * 2**30


@dataclass(frozen=True, slots=True)
class VllmServing:
    """The flags of ``vllm serve`` that decide memory; the defaults are its own.

    *context* is ``--max-model-len``: tokens of one request, 0 for what the model was trained for. *slots* is ``--max-num-seqs``
    and *batch* ``--max-num-batched-tokens``; 0 for what the engine picks for the card. *block* is ``--block-size``, in tokens.
    *state_bytes* is the width of an element of recurrent state (``--mamba-ssm-cache-dtype``). *draft* counts tokens drafted per
    step by the model's own drafting layers, and *drafter* is the model that drafts instead, by its folder or repository. *eager*
    goes without CUDA graphs. *kv_bytes* is ``--kv-cache-memory-bytes``, per card; *utilisation* is ``--gpu-memory-utilization``
    where the owner wants the engine to take a share of the card instead. *offload* are bytes of weights of each card that lie in
    host memory (``--cpu-offload-gb``), *host_kv* the cache there of all cards together (``--kv-offloading-size``). *adapters* LoRA
    adapters of *adapter_rank* may be at work at once. *keeps* says that past prompts are to be kept in host memory as far as there
    is some left, in place of a fixed *host_kv*. *unreckoned* names flags of the owner's that change the bytes and are not
    counted.
    """

    context: int = 0
    slots: int = 0
    batch: int = 0
    kv_type: str = "auto"
    block: int = 16
    state_bytes: int = 4
    draft: int = 0
    drafter: str = ""
    eager: bool = False
    kv_bytes: int | None = None
    utilisation: float | None = None
    offload: int = 0
    host_kv: int = 0
    adapters: int = 0
    adapter_rank: int = 0
    keeps: bool = False
    unreckoned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the flags against what the engine accepts.

        Raises:
            ValueError: A flag has no meaning.
        """
        counts = (self.context, self.slots, self.batch, self.draft, self.kv_bytes or 0, self.offload, self.host_kv)
        if min(*counts, self.adapters, self.adapter_rank) < 0 or self.block < 1:
            raise ValueError(f"{self} cannot be served: blocks count from 1 token, everything else from 0")
        if self.kv_type not in KV_TYPES:
            raise ValueError(f"'{self.kv_type}' is no type for a KV cache; vLLM takes {', '.join(KV_TYPES)}")
        if self.utilisation is not None and not 0 < self.utilisation <= 1:
            raise ValueError(f"--gpu-memory-utilization is a share above 0 and up to 1, not {self.utilisation}")

    @property
    def kv_width(self) -> int:
        """Bytes per cached element."""
        return KV_TYPES[self.kv_type]

    def request(self, shape: Shape) -> int:
        """Return the tokens that one request may have."""
        return self.context or shape.context

    def requests(self, card: Pool) -> int:
        """Return the most requests that run at once on *card*."""
        return self.slots or (1024 if _large(card) else 256)

    def step(self, shape: Shape, card: Pool) -> int:
        """Return the most tokens that one step computes on *card*."""
        return self.batch or max(min(8192 if _large(card) else 2048, self.request(shape)), self.requests(card))


def _large(card: Pool) -> bool:
    return card.total >= _LARGE and "a100" not in card.name.lower()
