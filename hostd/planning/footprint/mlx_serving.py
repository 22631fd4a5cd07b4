"""Flags of mlx-lm that decide memory."""

from dataclasses import dataclass

from hostd.domain.shape import Shape

# mlx_lm.server's own defaults.
PREFILL_STEP = 2048
PROMPTS = 8
PROMPT_CACHE_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class MlxServing:
    """Flags of ``mlx_lm.server`` that decide memory.

    *context* is the tokens that one request may have (0: the model's own), *slots* the requests that decode at once
    (``--decode-concurrency``) and *prompts* those that prefill at once (``--prompt-concurrency``).
    *prefill_step* is ``--prefill-step-size``. *prompt_cache_entries* and *prompt_cache_bytes* bound the past prompts that are
    kept (``--prompt-cache-size``, ``--prompt-cache-bytes``; None: only the entries do). *kv_bits* quantises the cache (None: 16
    bits). *cache_limit* bounds the freed buffers that MLX keeps for later, in bytes (None: it is not bounded).
    *elastic_prompts* leaves the size of the past prompts to what the plan has left, up to those bounds, and *elastic_buffers* is
    how many bytes of freed buffers more than *cache_limit* are of use.
    *draft_model* is the folder of a model that drafts (``--draft-model``; the server then takes one request at a time),
    *adapter_bytes* are those of LoRA adapters, and *unreckoned* names flags of the owner's that are not counted.
    *caches_latent* says whether this mlx-lm keeps only the latent of latent attention (since its pull request 839; None: not
    known).
    """

    context: int = 0
    slots: int = 1
    prompts: int = PROMPTS
    prefill_step: int = PREFILL_STEP
    prompt_cache_entries: int = PROMPT_CACHE_ENTRIES
    prompt_cache_bytes: int | None = None
    kv_bits: int | None = None
    cache_limit: int | None = None
    elastic_prompts: bool = False
    elastic_buffers: int = 0
    caches_latent: bool | None = None
    draft_model: str = ""
    adapter_bytes: int = 0
    unreckoned: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges of the flags.

        Raises:
            ValueError: A flag has no meaning.
        """
        if min(self.slots, self.prompts, self.prefill_step) < 1 or min(self.context, self.prompt_cache_entries) < 0:
            raise ValueError(f"{self} cannot be served: slots, prompts and steps count from 1, context from 0")
        if self.kv_bits not in (None, 2, 3, 4, 5, 6, 8):
            raise ValueError(f"MLX quantises a KV cache to 2, 3, 4, 5, 6 or 8 bits, not {self.kv_bits}")

    def request(self, shape: Shape) -> int:
        """Return the tokens that one request may have."""
        return self.context or shape.context
