"""Shape of a model from its GGUF header: each layer's cache, exact for known architectures, an upper bound for others."""

from dataclasses import replace

from hostd.domain.shape import Layer, LayerKind, Shape
from hostd.planning.formats.gguf import GgufHeader
from hostd.planning.formats.gguf_cursor import GgufError
from hostd.planning.formats.gguf_families import (
    COMPRESSED,
    ENCODERS,
    FULL_ATTENTION_INTERVAL,
    INDEX_ROWS,
    INDEXED,
    KNOWN,
    KV_UNTIL_LAYER,
    ONE_THING_PER_LAYER,
    PARALLEL,
    PROJECTORS,
    RECURRENT,
    RECURRENT_WITHOUT_KV_HEADS,
    ROUTED,
    SLIDING,
    WINDOW_KEY_REQUIRED,
)
from hostd.planning.formats.gguf_keys import MAX_LAYERS, GgufMetadata
from hostd.planning.formats.gguf_tensors import TensorGroups, group
from hostd.planning.formats.tensor_types import FILE_TYPES

# Layers that compress so many tokens into one key read all of these keys, and need no indexer to choose among them.
_NOT_INDEXED = 128


def shape_of(header: GgufHeader) -> Shape:
    """Return the shape of the model with this *header* (of one file, or of all parts together).

    An architecture that is not known gets an upper bound: every layer caches the keys and values of every token, and has the
    recurrent state that the header's keys describe, too.

    Raises:
        GgufError: The header lacks a number that every model has, or has one out of bounds.
    """
    keys, groups = GgufMetadata(header), group(header.tensors)
    if keys.architecture in PROJECTORS:
        return _projector(keys, header, groups)
    count = keys.number("block_count")
    if not count:
        raise GgufError(
            f"the header of this '{keys.stated_architecture}' counts no layers (block_count), as that of every language model "
            "does: it is another kind of model, which no engine here runs, or its conversion failed"
        )
    if not 0 < count <= MAX_LAYERS:
        raise GgufError(
            f"the header counts {count} layers (block_count), where 1 to {MAX_LAYERS} make sense; convert it again"
        )
    drafting = keys.number("nextn_predict_layers")
    if drafting > count:
        raise GgufError(f"the header counts {drafting} drafting layers among {count} in all; convert the model again")
    layers = _with_weights(_layers(keys, count, count - drafting), groups)
    trunk = count - drafting or count
    if keys.architecture in ROUTED:
        layers = (*layers, replace(layers[-1], heads=1, kv_heads=1, dense_bytes=0, expert_bytes=0))
        trunk += 1
    return Shape(
        architecture=keys.stated_architecture,
        name=keys.text("general.name") or keys.text("general.basename"),
        layers=layers[:trunk],
        nextn=layers[trunk:],
        known=keys.architecture in KNOWN,
        heads=keys.number("attention.head_count"),
        embedding=keys.number("embedding_length"),
        vocabulary=keys.number("vocab_size") or keys.length("tokenizer.ggml.tokens") or groups.vocabulary,
        context=keys.number("context_length"),
        feed_forward=keys.number("feed_forward_length"),
        experts=keys.number("expert_count"),
        experts_used=keys.number("expert_used_count"),
        expert_feed_forward=keys.number("expert_feed_forward_length"),
        window=_window(keys, trunk) if any(layer.kind is LayerKind.SLIDING for layer in layers) else 0,
        latent=_latent(keys),
        latent_cached=_latent_cached(keys),
        index_heads=_index_heads(keys),
        tied=not groups.has_output,
        encoder=keys.architecture in ENCODERS,
        tables=groups.tables,
        projector=groups.projector,
        quantisation=_quantisation(keys, groups),
        file_bytes=header.file_bytes,
        parts=header.parts,
    )


def _window(keys: GgufMetadata, layers: int) -> int:
    """Return the tokens in the window of a sliding layer; 0 if no layer has a window."""
    family = SLIDING.get(keys.architecture)
    stated = keys.number("attention.sliding_window")
    if keys.architecture in COMPRESSED:
        return stated
    if family is None:
        return stated if keys.architecture == "lfm2" else 0
    if family.only_with_layers not in (None, layers):
        return 0
    switched_off = keys.has("attention.sliding_window") and not stated
    missing = keys.architecture in WINDOW_KEY_REQUIRED and not keys.has("attention.sliding_window")
    if switched_off or missing:
        return 0
    return family.window if family.fixed else stated or family.window


def _layers(keys: GgufMetadata, count: int, trunk: int) -> list[Layer]:
    heads = keys.per_layer("attention.head_count", count)
    kv_heads = _kv_heads(keys, heads, count)
    sliding = _sliding(keys, count, trunk)
    recurrent = _recurrent(keys, kv_heads, count, trunk)
    until = _kv_until(keys, count)
    empty = _without_cache(keys, count)
    index = _index_widths(keys, count, trunk)
    ratios = keys.per_layer("attention.compress_ratios", trunk) + (0,) * (count - trunk)
    layers = []
    for number in range(count):
        kind = LayerKind.SLIDING if sliding[number] else LayerKind.FULL
        if recurrent[number] and keys.architecture not in PARALLEL and keys.architecture in KNOWN:
            kind = LayerKind.RECURRENT
        elif number >= until or empty[number] or keys.architecture in ENCODERS:
            kind = LayerKind.NONE
        layer = Layer(kind, heads=heads[number])
        if kind in (LayerKind.FULL, LayerKind.SLIDING):
            key_width, value_width = _widths(keys, slides=sliding[number])
            single = _latent_cached(keys) and not value_width
            layer = replace(
                layer,
                kv_heads=1 if single else kv_heads[number],
                key_width=key_width,
                value_width=value_width,
                index_width=index[number],
                compress_ratio=ratios[number] if keys.architecture in COMPRESSED else 0,
            )
        if recurrent[number]:
            conv_state, state = _state(keys, heads)
            layer = replace(layer, conv_state=conv_state, state=state)
        layers.append(layer)
    return layers


def _kv_heads(keys: GgufMetadata, heads: tuple[int, ...], count: int) -> tuple[int, ...]:
    if not keys.has("attention.head_count_kv"):
        return heads
    stated = keys.per_layer("attention.head_count_kv", count)
    # Layers that are run several times may keep keys and values each time.
    return stated if keys.architecture in KNOWN else (max(stated) * max(1, keys.number("num_loops")),) * count


def _widths(keys: GgufMetadata, *, slides: bool) -> tuple[int, int]:
    """Return the cached elements per head of keys and of values; a latent is cached as one key without a value."""
    if keys.architecture in COMPRESSED:
        return keys.number("attention.key_length"), 0
    heads = keys.per_layer("attention.head_count", 1)[0] or keys.number("attention.head_count")
    even = keys.number("embedding_length") // heads if heads else 0
    key_width = keys.number("attention.key_length", even)
    value_width = keys.number("attention.value_length", even)
    if slides:
        key_width = keys.number("attention.key_length_swa", key_width)
        value_width = keys.number("attention.value_length_swa", value_width)
    if not _latent_cached(keys):
        return key_width, value_width
    rank = keys.number("attention.kv_lora_rank_swa") if slides else 0
    latent = rank + keys.number("rope.dimension_count") if rank else _latent(keys)
    # A header without the width of the position part has the width of the whole latent under the key's length.
    return (latent if latent and keys.has("rope.dimension_count") else key_width), 0


def _latent(keys: GgufMetadata) -> int:
    rank = keys.number("attention.kv_lora_rank")
    return rank + keys.number("rope.dimension_count") if rank else 0


def _latent_cached(keys: GgufMetadata) -> bool:
    return bool(keys.number("attention.key_length_mla") and keys.number("attention.value_length_mla"))


def _sliding(keys: GgufMetadata, count: int, trunk: int) -> tuple[bool, ...]:
    key = "attention.sliding_window_pattern"
    family = SLIDING.get(keys.architecture)
    if not _window(keys, trunk):
        return (False,) * count
    if family is None:
        # A window on every layer of the trunk.
        return (True,) * trunk + (False,) * (count - trunk)
    if keys.is_array(key):
        # Converters write one entry per layer of the trunk, or one for the drafting layers too.
        listed = keys.per_layer(key, min(count, max(trunk, 1)))
        return tuple(bool(slides) for slides in listed) + (False,) * (count - len(listed))
    period = keys.number(key, family.period)
    if not period:
        # The engine reads 0 in the header as "every layer slides". Without a list no layer does, which is an upper bound.
        return (keys.has(key),) * trunk + (False,) * (count - trunk)
    full = 0 if family.dense_first else period - 1
    return tuple(number < trunk and number % period != full for number in range(count))


def _recurrent(keys: GgufMetadata, kv_heads: tuple[int, ...], count: int, trunk: int) -> tuple[bool, ...]:
    architecture = keys.architecture
    if architecture in RECURRENT or architecture in PARALLEL:
        return (True,) * count
    if architecture in RECURRENT_WITHOUT_KV_HEADS:
        feed_forward = (
            keys.per_layer("feed_forward_length", count) if architecture in ONE_THING_PER_LAYER else (0,) * count
        )
        return tuple(number < trunk and not kv_heads[number] and not feed_forward[number] for number in range(count))
    if architecture in FULL_ATTENTION_INTERVAL:
        if keys.has("attention.recurrent_layers"):
            return tuple(bool(recurs) for recurs in keys.per_layer("attention.recurrent_layers", count))
        interval = keys.number("full_attention_interval", FULL_ATTENTION_INTERVAL[architecture]) or 1
        return tuple(number < trunk and (number + 1) % interval != 0 for number in range(count))
    return (architecture not in KNOWN,) * count


def _without_cache(keys: GgufMetadata, count: int) -> tuple[bool, ...]:
    if keys.architecture in ONE_THING_PER_LAYER:
        return tuple(width > 0 for width in keys.per_layer("feed_forward_length", count))
    return (False,) * count


def _kv_until(keys: GgufMetadata, count: int) -> int:
    if keys.architecture not in ("gemma3n", "gemma4"):
        return count
    if keys.has("attention.shared_kv_layers"):
        return count - min(count, keys.number("attention.shared_kv_layers"))
    return KV_UNTIL_LAYER.get(keys.architecture, count)


def _index_widths(keys: GgufMetadata, count: int, trunk: int) -> tuple[int, ...]:
    width = keys.number("attention.indexer.key_length")
    if keys.architecture in COMPRESSED:
        ratios = keys.per_layer("attention.compress_ratios", trunk) + (0,) * (count - trunk)
        return tuple(width if 0 < ratio < _NOT_INDEXED else 0 for ratio in ratios)
    if not width or (keys.architecture in KNOWN and keys.architecture not in INDEXED):
        return (0,) * count
    if keys.architecture == "minimax-m3":
        # The indexer's cache has values, too, of one head, but not on the first, dense layers.
        dense = keys.number("leading_dense_block_count")
        return tuple(width + _widths(keys, slides=False)[1] if number >= dense else 0 for number in range(count))
    if keys.architecture != "qwen4exp" or keys.has("attention.compress_ratios"):
        width *= INDEX_ROWS.get(keys.architecture, 1)
    indexed = keys.per_layer("attention.indexer.types", trunk, default=1) + (0,) * (count - trunk)
    return tuple(width if has_index else 0 for has_index in indexed)


def _index_heads(keys: GgufMetadata) -> int:
    # MiniMax scores with every head of its attention.
    key = "head_count" if keys.architecture == "minimax-m3" else "indexer.head_count"
    indexes = keys.architecture in COMPRESSED or keys.architecture in INDEXED or keys.architecture not in KNOWN
    return keys.number(f"attention.{key}") if indexes and keys.number("attention.indexer.key_length") else 0


def _state(keys: GgufMetadata, heads: tuple[int, ...]) -> tuple[int, int]:
    """Return the elements of a recurrent layer's convolution state and state per sequence.

    Source: llama_hparams::n_embd_r and n_embd_s.
    """
    embedding, kernel = keys.number("embedding_length"), keys.number("ssm.conv_kernel")
    if head := keys.number("wkv.head_size"):
        return keys.number("token_shift_count", 2) * embedding, embedding * head
    if cached := keys.number("shortconv.l_cache"):
        return embedding * (cached - 1), keys.number("ssm.state_size") * keys.number("ssm.inner_size")
    if head := keys.number("kda.head_dim"):
        return 3 * (kernel - 1 if kernel else 3) * heads[0] * head, head * head * heads[0]
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    conv_state = max(0, kernel - 1) * (inner + 2 * keys.number("ssm.group_count") * state)
    if keys.architecture == "minimax-01":
        head = _widths(keys, slides=False)[0]
        return conv_state, head * head * heads[0]
    return conv_state, state * inner


def _with_weights(layers: list[Layer], groups: TensorGroups) -> tuple[Layer, ...]:
    stray = [number for number in (*groups.dense, *groups.experts) if number >= len(layers)]
    if stray:
        raise GgufError(
            f"there are weights of layer {max(stray)} in a model of {len(layers)} layers; download it again"
        )
    return tuple(
        replace(layer, dense_bytes=groups.dense.get(number, 0), expert_bytes=groups.experts.get(number, 0))
        for number, layer in enumerate(layers)
    )


def _projector(keys: GgufMetadata, header: GgufHeader, groups: TensorGroups) -> Shape:
    total = sum(tensor.bytes for tensor in header.tensors)
    return Shape(
        architecture=keys.architecture,
        name=keys.text("general.name"),
        layers=(),
        encoder=True,
        projector=total,
        quantisation=_quantisation(keys, groups),
        file_bytes=header.file_bytes,
    )


def _quantisation(keys: GgufMetadata, groups: TensorGroups) -> str:
    number = keys.general("general.file_type")
    # The bit 1024 marks a mixture that a converter guessed.
    stated = FILE_TYPES.get(number & 1023, "") if number is not None else ""
    if stated or not groups.by_type:
        return stated
    return max(groups.by_type, key=lambda name: groups.by_type[name]).upper()
