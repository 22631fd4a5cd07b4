"""Shape of a model from a checkpoint's `config.json` and the sizes of its tensors.

The keys are those of Hugging Face's `transformers`, whose names differ by family and age. Values that a
configuration leaves out are in `checkpoint_families`; a family that is not listed there gets an upper bound, so that no plan
promises memory which the model exceeds.
Formulas of the recurrent state: llama.cpp `src/llama-hparams.cpp`; of latent attention: DeepSeek-V2, section 2.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.formats.checkpoint_families import CHECKPOINT_FAMILIES, Family, Pattern
from hostd.planning.formats.checkpoint_tensors import TensorPlaces
from hostd.planning.formats.quantization import quantisation
from hostd.planning.formats.safetensors import BadModel

MOST_LAYERS = 4096
_MOST_UNDECLARED = 4
_INNER = ("text_config", "llm_config", "language_config", "thinker_config", "text_model_config")
_FULL = frozenset({"full_attention", "attention", "global", "hybrid", "*"})
_SLIDING = frozenset({"sliding_attention", "chunked_attention", "local"})
_RECURRENT = frozenset({"linear_attention", "mamba", "mamba2", "conv", "M"})
_WITHOUT = frozenset({"moe", "mlp", "-", "E"})

_MAMBA_KEYS = ("mamba_n_heads", "mamba_num_heads", "mamba_d_state", "ssm_state_size")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
_CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "model_max_length")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_USED = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_k", "moe_topk")


class ConfigReader:
    """Counts of an untrusted configuration: each is a whole number within bounds, or `BadModel` names its key."""

    def __init__(self, table: Mapping[str, object], usual: Mapping[str, int]) -> None:
        self.table = table
        self._usual = usual

    def count(self, *names: str, otherwise: int = 0, most: int = 1 << 24) -> int:
        """Return the count under the first of *names* that the configuration or its family's defaults have, else *otherwise*.

        Raises:
            BadModel: The value is no whole number from 0 to *most*.
        """
        for table in (self.table, self._usual):
            for name in names:
                value = table.get(name)
                if value is None or (table is self._usual and not value):
                    continue
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                if type(value) is not int or not 0 <= value <= most:
                    raise BadModel(
                        f"config.json says {name} = {str(value)[:40]!r}, which cannot be; is the file damaged?"
                    )
                return value
        return otherwise

    def flag(self, name: str) -> bool:
        """Return whether the configuration, or else its family's defaults, sets *name* to true."""
        value = self.table.get(name)
        return self._usual.get(name, 0) == 1 if value is None else value is True

    def names(self, *keys: str) -> list[str] | None:
        """Return the list of words under the first of *keys* that has one; `hybrid_override_pattern` has one letter per layer."""
        for key in keys:
            value = self.table.get(key)
            if isinstance(value, list | str) and value and all(isinstance(word, str) for word in value):
                return list(value)
        return None

    def numbers(self, key: str) -> list[int] | None:
        """Return the list of whole numbers under *key*, None if it holds anything else."""
        value = self.table.get(key)
        # `type`, not `isinstance`: a boolean is an int in Python, and no count.
        if isinstance(value, list) and all(type(number) is int for number in value):
            return value
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    numbers: ConfigReader
    family: Family
    layers: int
    hidden: int
    heads: int


def read_configuration(
    config: Mapping[str, object], places: TensorPlaces, *, name: str, file_bytes: int = 0, parts: int = 1
) -> Shape:
    """Return the shape of the model with this *config* and the tensor sizes in *places*.

    Raises:
        BadModel: A number that everything depends on is missing or impossible.
    """
    table, kind = _innermost(config)
    family = CHECKPOINT_FAMILIES.get(kind)
    numbers = ConfigReader(table, (family or Family()).usual)
    layers = numbers.count(*_LAYERS, most=MOST_LAYERS) or len(numbers.names("hybrid_override_pattern") or ())
    hidden, heads = numbers.count(*_HIDDEN), numbers.count(*_HEADS)
    if not layers or not hidden:
        missing = "num_hidden_layers" if not layers else "hidden_size"
        raise BadModel(f"config.json has no {missing}; is it the configuration of a language model?")
    reading = _Reading(numbers, family or Family(), layers, hidden, heads)
    trunk = _trunk(reading) if family else None
    bare = trunk or (_upper_bound(reading),) * layers
    nextn = _predictors(reading, bare, places)
    return Shape(
        architecture=kind or "unknown",
        name=name,
        layers=tuple(_with_weights(layer, *places.layer(number)) for number, layer in enumerate(bare)),
        known=trunk is not None,
        nextn=nextn,
        heads=heads,
        embedding=hidden,
        vocabulary=numbers.count("vocab_size", "padded_vocab_size"),
        context=numbers.count(*_CONTEXT, most=1 << 40),
        feed_forward=numbers.count("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
        experts=numbers.count(*_EXPERTS),
        experts_used=numbers.count(*_EXPERTS_USED),
        expert_feed_forward=numbers.count("moe_intermediate_size"),
        window=_window(reading) if any(layer.kind is LayerKind.SLIDING for layer in bare) else 0,
        latent=_latent(reading),
        latent_cached=trunk is not None and reading.family.pattern is Pattern.LATENT,
        tied=not places.tables.output and _tied(config, numbers),
        encoder=reading.family.pattern is Pattern.ENCODER,
        tables=places.tables,
        projector=places.tower,
        quantisation=quantisation(config, table),
        file_bytes=file_bytes,
        parts=parts,
    )


def _innermost(config: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
    """Return the part of *config* for the text model, and its family's name; multimodal models nest it."""
    table, kind = config, config.get("model_type")
    for _ in range(2):
        tables = (table.get(key) for key in _INNER)
        inner = next((found for found in tables if isinstance(found, dict) and found), None)
        if inner is None:
            break
        table, kind = inner, inner.get("model_type") or kind
    return table, str(kind or "")[:64].removesuffix("_text")


def _tied(config: Mapping[str, object], numbers: ConfigReader) -> bool:
    tied = numbers.table.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    return numbers.flag("tie_word_embeddings") if tied is None else tied is True


def _head_width(reading: _Reading) -> int:
    own = reading.numbers.count("head_dim", "kv_channels", "attention_head_dim")
    return own or (reading.hidden // reading.heads if reading.heads else 0)


def _attention(reading: _Reading, kind: LayerKind = LayerKind.FULL) -> Layer:
    numbers, width = reading.numbers, _head_width(reading)
    kv_heads = numbers.count(*_KV_HEADS) or (1 if numbers.flag("multi_query") else reading.heads)
    return Layer(kind, reading.heads, kv_heads, width, numbers.count("v_head_dim") or width)


def _upper_bound(reading: _Reading) -> Layer:
    """Return a layer whose cache is an upper bound for every layer of a family that is not known."""
    numbers, layer = reading.numbers, _attention(reading)
    rope = numbers.count("qk_rope_head_dim") + numbers.count("qk_nope_head_dim")
    width = max(layer.key_width, layer.value_width, rope, numbers.count("global_head_dim"))
    layer = replace(layer, kv_heads=max(layer.kv_heads, 1), key_width=width, value_width=width)
    recurs = any(numbers.count(name) for name in ("conv_L_cache", "linear_num_value_heads", *_MAMBA_KEYS))
    return _recurrent(reading, layer) if recurs else layer


def _trunk(reading: _Reading) -> tuple[Layer, ...] | None:
    """Return the layers without their weights; None if the configuration names a kind of layer that is not known."""
    match reading.family.pattern:
        case Pattern.ENCODER:
            return (Layer(LayerKind.NONE, reading.heads),) * reading.layers
        case Pattern.LATENT:
            return _latent_trunk(reading) if _latent(reading) else None
        case Pattern.PARALLEL:
            return (_recurrent(reading, _attention(reading)),) * reading.layers
        case _:
            kinds = _kinds(reading)
            return None if kinds is None else _share_kv(reading, [_of_kind(reading, kind) for kind in kinds])


def _kinds(reading: _Reading) -> list[LayerKind] | None:
    listed = reading.numbers.names("layer_types", "layers_block_type", "hybrid_override_pattern")
    if listed is None:
        return [_usual_kind(reading, number) for number in range(reading.layers)]
    kinds = [_kind(word) for word in listed[: reading.layers]]
    if len(kinds) < reading.layers or None in kinds:
        return None
    windowed = _window(reading) > 0
    return [LayerKind.FULL if kind is LayerKind.SLIDING and not windowed else kind for kind in kinds if kind]


def _kind(word: str) -> LayerKind | None:
    if word in _FULL:
        return LayerKind.FULL
    if word in _SLIDING:
        return LayerKind.SLIDING
    if word in _RECURRENT:
        return LayerKind.RECURRENT
    return LayerKind.NONE if word in _WITHOUT else None


def _usual_kind(reading: _Reading, number: int) -> LayerKind:
    numbers, every = reading.numbers, reading.family.every
    match reading.family.pattern:
        case Pattern.SLIDING:
            if not _window(reading):
                return LayerKind.FULL
            listed = numbers.numbers("no_rope_layers")
            if listed and number < len(listed):
                return LayerKind.SLIDING if listed[number] else LayerKind.FULL
            every = _period(numbers) or every
            return LayerKind.SLIDING if (number + 1) % every else LayerKind.FULL
        case Pattern.LINEAR:
            every = numbers.count("full_attention_interval") or every
            return LayerKind.RECURRENT if (number + 1) % every else LayerKind.FULL
        case Pattern.MAMBA | Pattern.CONVOLUTION:
            attentive = numbers.numbers("attn_layer_indices") or numbers.numbers("full_attn_idxs") or ()
            return LayerKind.FULL if number in attentive else LayerKind.RECURRENT
        case _:
            windowed = numbers.flag("use_sliding_window") and _window(reading)
            return LayerKind.SLIDING if windowed and number >= numbers.count("max_window_layers") else LayerKind.FULL


def _period(numbers: ConfigReader) -> int:
    pattern = numbers.table.get("sliding_window_pattern")
    if isinstance(pattern, str):
        return len(pattern)
    return numbers.count(
        "sliding_window_pattern", "_sliding_window_pattern", "no_rope_layer_interval", "global_attn_every_n_layers"
    )


def _window(reading: _Reading) -> int:
    """Return the tokens in a sliding layer's window; a key with null means no window, a missing key the family's default."""
    table = reading.numbers.table
    for name in ("attention_chunk_size", "sliding_window"):
        if name in table:
            return reading.numbers.count(name, most=1 << 40) if table[name] else 0
    return reading.family.window


def _of_kind(reading: _Reading, kind: LayerKind) -> Layer:
    numbers, layer = reading.numbers, _attention(reading, kind)
    match kind:
        case LayerKind.RECURRENT:
            return _recurrent(reading, Layer(kind, reading.heads))
        case LayerKind.NONE:
            return Layer(kind, reading.heads)
        case LayerKind.FULL if wide := numbers.count("global_head_dim"):
            few = numbers.count("num_global_key_value_heads") if numbers.flag("attention_k_eq_v") else 0
            return replace(layer, kv_heads=few or layer.kv_heads, key_width=wide, value_width=wide)
        case _:
            return layer


def _share_kv(reading: _Reading, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return *layers*; the last `num_kv_shared_layers` read earlier layers' KV cache and have none."""
    own = max(0, len(layers) - reading.numbers.count("num_kv_shared_layers"))
    return tuple(
        layer if number < own else replace(layer, kind=LayerKind.NONE, kv_heads=0)
        for number, layer in enumerate(layers)
    )


def _latent(reading: _Reading) -> int:
    rank = reading.numbers.count("kv_lora_rank")
    return rank + reading.numbers.count("qk_rope_head_dim") if rank else 0


def _latent_trunk(reading: _Reading) -> tuple[Layer, ...]:
    index = reading.numbers.count("index_head_dim")
    latent = Layer(LayerKind.FULL, reading.heads, 1, _latent(reading), 0, index_width=index)
    delta_config = reading.numbers.table.get("linear_attn_config")
    if not isinstance(delta_config, dict):
        return (latent,) * reading.layers
    linear = ConfigReader(delta_config, {})
    # Kimi Delta Attention: three convolutions, and a square state for each head; its layers are counted from 1.
    heads, width, taps = (
        linear.count("num_heads"),
        linear.count("head_dim"),
        linear.count("short_conv_kernel_size", otherwise=4),
    )
    delta = Layer(
        LayerKind.RECURRENT, reading.heads, conv_state=3 * max(0, taps - 1) * heads * width, state=heads * width * width
    )
    recurrent = frozenset(linear.numbers("kda_layers") or ())
    return tuple(delta if number + 1 in recurrent else latent for number in range(reading.layers))


def _recurrent(reading: _Reading, layer: Layer) -> Layer:
    """Return *layer* with its elements per sequence: the convolution's last inputs (R) and the recurrent state (S)."""
    numbers = reading.numbers
    if cached := numbers.count("conv_L_cache"):
        return replace(layer, conv_state=reading.hidden * (cached - 1))
    if values := numbers.count("linear_num_value_heads"):
        state = numbers.count("linear_key_head_dim")
        keys, inner = numbers.count("linear_num_key_heads") * state, values * numbers.count("linear_value_head_dim")
        taps = numbers.count("linear_conv_kernel_dim")
    else:
        width = numbers.count("mamba_d_ssm")
        inner = width or numbers.count("mamba_n_heads", "mamba_num_heads") * _mamba_width(numbers)
        inner = inner or numbers.count("mamba_expand", "expand", otherwise=2) * reading.hidden
        state = numbers.count("mamba_d_state", "ssm_state_size", otherwise=128)
        keys = numbers.count("mamba_n_groups", "n_groups", otherwise=1) * state
        taps = numbers.count("mamba_d_conv", "conv_kernel", otherwise=4)
    return replace(layer, conv_state=max(0, taps - 1) * (inner + 2 * keys), state=state * inner)


def _mamba_width(numbers: ConfigReader) -> int:
    width = numbers.table.get("mamba_d_head")
    return 0 if width == "auto" else numbers.count("mamba_d_head", "mamba_head_dim")


def _predictors(reading: _Reading, trunk: Sequence[Layer], places: TensorPlaces) -> tuple[Layer, ...]:
    """Return the drafting (multi-token prediction) layers whose weights the checkpoint has.

    Raises:
        BadModel: There are weights of layers that the configuration does not count.
    """
    declared = reading.numbers.count("num_nextn_predict_layers", "mtp_num_hidden_layers", most=64)
    last = max((*places.dense, *places.experts), default=-1)
    count = max(declared, last + 1 - reading.layers, 1 if places.predictor else 0)
    if count > max(declared, _MOST_UNDECLARED):
        raise BadModel(f"there are weights of layer {last} in a model of {reading.layers} layers; download it again")
    weights = [places.layer(reading.layers + number) for number in range(count)]
    if places.predictor:
        weights[0] = (weights[0][0] + places.predictor, weights[0][1])
    # Converters drop the drafting layers and leave their number in the configuration: only layers with weights count.
    attentive = next((layer for layer in reversed(trunk) if layer.kind is LayerKind.FULL), trunk[-1])
    return tuple(_with_weights(attentive, *weight) for weight in weights) if any(map(any, weights)) else ()


def _with_weights(layer: Layer, dense: int, experts: int) -> Layer:
    return replace(layer, dense_bytes=dense, expert_bytes=experts)
