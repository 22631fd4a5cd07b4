"""Flags of llama.cpp that decide memory, and the placement of a model's layers."""

from dataclasses import dataclass, replace
from math import isfinite

from hostd.domain.shape import Shape
from hostd.planning.footprint.tensor_overrides import HOST_BUFFERS, MovedBytes
from hostd.planning.formats.tensor_types import CACHE_TYPES, TensorType

MIB = 1 << 20
# llama-server's own defaults (common/common.h).
PROMPT_CACHE = 8192 * MIB
CHECKPOINTS = 32


@dataclass(frozen=True, slots=True)
class DraftServing:
    """Flags of llama-server for what drafts tokens: a smaller model in a file of its own, or the model's own drafting layers.

    The types of the cache are its own, whatever the model's are (``--spec-draft-type-k`` and ``-v``). *context* is in tokens (0:
    as the model's), *gpu_layers* counts as in `Serving`, and *cpu_experts* keeps the experts of that many first layers on the
    host. *on_gpu* is False for ``--spec-draft-device none``.
    """

    key_type: str = "f16"
    value_type: str = "f16"
    context: int = 0
    gpu_layers: int | None = None
    cpu_experts: int = 0
    on_gpu: bool = True


@dataclass(frozen=True, slots=True)
class Serving:
    """The flags of llama-server that decide memory; the defaults are its own.

    *context* is ``-c``: tokens of all slots together, 0 for what the model was trained for. *slots* is ``-np`` and *unified*
    ``-kvu``: whether the slots share one KV cache (on when the engine picks the slots itself, off when they are set).
    *flash* is ``on``, ``off`` or ``auto``. *full_window* (``--swa-full``) gives sliding layers the whole context. *draft* is
    how many tokens the model's own drafting layers draft per step, *verified* how many a draft model or n-grams do, and *drafter*
    has the flags of what drafts. *rollback* is how many steps a recurrent state can be taken back (None: as many as the own
    layers draft). *gpu_layers* counts layers from the last one, the output
    first (None: all). *cpu_experts* keeps the experts of that many first layers on the host. *cache_ram* bounds the prompts
    kept in host memory, in bytes, and *checkpoints* the states kept per slot; None leaves either to what the plan has left.
    *build* is llama.cpp's build number (None: a current one). *tensor_split* are the shares of the layers that the owner
    gives to the devices (empty: none are given). *adapter_bytes* are those of LoRA adapters, which lie where the layers do
    that they change, and *control_vector* says that one is added to every layer but the first. *draft_model* and *projector*
    are files that the owner names, *overrides* is ``--override-tensor`` and *moved* what that moves, and *split* is how several
    devices share a layer's work. *devices* is False for ``--device none``, *device_names* are the devices that it names else, and
    *main_gpu* is the number of the only one that is used with the split ``none`` (None: the first). *may_draft* is how many tokens
    are drafted where a placement has drafting on: by *draft_model*, else by the model's own layers. *mapped* says that what lies
    in host memory is mapped from the file, and not locked (``--load-mode``). *unreckoned* names flags of the owner's that change
    the bytes and are not counted.
    """

    context: int = 0
    slots: int = 4
    unified: bool = True
    key_type: str = "f16"
    value_type: str = "f16"
    flash: str = "auto"
    batch: int = 2048
    ubatch: int = 512
    full_window: bool = False
    draft: int = 0
    verified: int = 0
    drafter: DraftServing = DraftServing()
    rollback: int | None = None
    gpu_layers: int | None = None
    cpu_experts: int = 0
    tensor_split: tuple[float, ...] = ()
    adapter_bytes: int = 0
    control_vector: bool = False
    draft_model: str = ""
    projector: str = ""
    overrides: str = ""
    moved: tuple[MovedBytes, ...] = ()
    split: str = "layer"
    devices: bool = True
    device_names: tuple[str, ...] = ()
    main_gpu: int | None = None
    may_draft: int = 0
    mapped: bool = True
    unreckoned: tuple[str, ...] = ()
    kv_on_gpu: bool = True
    projector_on_gpu: bool = True
    cache_ram: int | None = PROMPT_CACHE
    checkpoints: int | None = CHECKPOINTS
    embeddings: bool = False
    build: int | None = None

    def __post_init__(self) -> None:
        """Check the flags against what the engine accepts.

        Raises:
            ValueError: A flag has no meaning.
        """
        if self.slots < 1 or self.batch < 1 or self.ubatch < 1 or self.context < 0 or self.draft < 0:
            raise ValueError(f"{self} cannot be served: slots and batches count from 1, context and draft from 0")
        for kind in (self.key_type, self.value_type, self.drafter.key_type, self.drafter.value_type):
            if kind not in CACHE_TYPES:
                raise ValueError(
                    f"'{kind}' is no type for a KV cache; llama.cpp takes {', '.join(sorted(CACHE_TYPES))}"
                )
        if self.flash not in ("on", "off", "auto"):
            raise ValueError(f"flash attention is on, off or auto, not '{self.flash}'")

    @property
    def moves_to_devices(self) -> bool:
        """Whether the owner sends weights to single devices, which is why all that are seen are used."""
        return any(each.buffer not in HOST_BUFFERS for each in self.moved)

    @property
    def keys(self) -> TensorType:
        """Type of cached keys."""
        return CACHE_TYPES[self.key_type]

    @property
    def values(self) -> TensorType:
        """Type of cached values."""
        return CACHE_TYPES[self.value_type]

    def total_context(self, shape: Shape) -> int:
        """Return the context of the cache in tokens, all slots together."""
        return self.context or shape.context

    def micro_batch(self, shape: Shape) -> int:
        """Return the tokens that one graph computes: at most the batch, and at most the context."""
        whole = self.total_context(shape)
        return max(1, min(self.ubatch, self.batch, whole or self.ubatch))

    def flash_attention(self, shape: Shape) -> bool:
        """Whether the engine uses flash attention.

        A quantised value cache needs it, so the engine turns it on. ``auto`` turns it off for keys and values of different
        widths without a cached latent, which the kernels do not support.
        """
        if self.flash == "on" or self.values.quantised:
            return True
        mixed = any(layer.value_width not in (0, layer.key_width) for layer in shape.layers)
        return self.flash == "auto" and not mixed

    def outputs(self, shape: Shape) -> int:
        """Return the most tokens whose logits one step computes."""
        whole = self.micro_batch(shape)
        return (
            whole if self.embeddings or shape.encoder else min(whole, self.slots * (1 + max(self.draft, self.verified)))
        )

    def on(self, placement: "Placement") -> "Serving":
        """Return how a model is served on *placement*: with drafting, if it has that on."""
        if not (self.may_draft and placement.drafts):
            return self
        return replace(self, verified=self.may_draft) if self.draft_model else replace(self, draft=self.may_draft)

    def of_drafter(self) -> "Serving":
        """Return how what drafts for the model is served: in a context of its own, which is never taken back."""
        return replace(
            self,
            key_type=self.drafter.key_type,
            value_type=self.drafter.value_type,
            context=self.drafter.context or self.context,
            gpu_layers=self.drafter.gpu_layers,
            cpu_experts=self.drafter.cpu_experts,
            draft=0,
            rollback=0,
            adapter_bytes=0,
            control_vector=False,
        )


@dataclass(frozen=True, slots=True)
class Placement:
    """Placement of a model: devices with each one's share of the layers (in any unit), and the host's pool.

    *cpu_experts* keeps the experts of that many first layers on the host, whatever device has the rest of the layer. *drafts*
    says that tokens are drafted, where a model has something to draft with.

    With unified memory, the device's pool is also the host's. Without devices, everything is on the host.
    """

    devices: tuple[tuple[str, float], ...] = ()
    host: str = "ram"
    cpu_experts: int = 0
    drafts: bool = False

    @classmethod
    def on(cls, *pools: str, host: str = "ram") -> "Placement":
        """Return the placement on these devices in equal shares; unified memory (``metal``) is the host's pool, too."""
        if pools == ("metal",):
            host = "metal"
        return cls(tuple((pool, 1.0) for pool in pools), host)

    @property
    def unified(self) -> bool:
        """Whether a device and the host share one pool."""
        return any(pool == self.host for pool, _ in self.devices)

    def layers(self, count: int, gpu_layers: int | None) -> tuple[str, ...]:
        """Return the pool of each of *count* layers and, last, of the output, by llama.cpp's layer split.

        Raises:
            ValueError: The shares are no shares.
        """
        wanted = count + 1 if gpu_layers is None or gpu_layers < 0 else min(gpu_layers, count + 1)
        total = sum(share for _, share in self.devices)
        if not self.devices or not wanted:
            return (self.host,) * (count + 1)
        if not isfinite(total) or total <= 0 or any(share < 0 for _, share in self.devices):
            raise ValueError(f"the shares of {self.devices} cannot be split by; give each device a positive number")
        start = count + 1 - wanted
        bounds, reached = [], 0.0
        for pool, share in self.devices:
            reached += share / total
            bounds.append((pool, reached))
        last = self.devices[-1][0]
        return tuple(
            self.host
            if number < start
            else next((pool for pool, bound in bounds if (number - start) / wanted < bound), last)
            for number in range(count + 1)
        )
