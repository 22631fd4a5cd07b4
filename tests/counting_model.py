"""A model that counts: a Hugging Face folder of 0.2 MB that any engine for safetensors loads, and whose text is known.

It is a whole Llama of two layers, but what its layers add is zero, so that the next token depends on the last one alone: each word
of `WORDS` follows the one before, the first follows the last and everything else. It never ends by itself.
"""

import json
import random
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

WORDS = (
    *(" one", " two", " three", " four", " five", " six"),
    *(" seven", " eight", " nine", " ten", " eleven", " twelve"),
)
SPECIALS = ("<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
DIM, LAYERS, HEADS, KV_HEADS, FFN, VOCABULARY = 64, 2, 2, 1, 96, 384


def counted(tokens: int) -> str:
    """Return the text of an answer of so many tokens."""
    return "".join(WORDS[number % len(WORDS)] for number in range(tokens))


def write_counting_model(folder: Path, context: int = 512) -> Path:
    """Write the model into *folder*, which is made, and return it; one request may have *context* tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = _vocabulary()
    _write(folder / "config.json", _config(context))
    _write(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    _write(folder / "tokenizer.json", _tokenizer(vocabulary, merges))
    _write(folder / "tokenizer_config.json", _tokenizer_config(context))
    (folder / "model.safetensors").write_bytes(_safetensors(_tensors(vocabulary)))
    return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _config(context: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": DIM,
        "intermediate_size": FFN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": DIM // HEADS,
        "hidden_act": "silu",
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "vocab_size": VOCABULARY,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "torch_dtype": "bfloat16",
    }


def _tokenizer_config(context: int) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }


def _vocabulary() -> tuple[dict[str, int], list[str]]:
    """Return the numbers of all tokens, and the merges that build the words letter by letter."""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    tokens = [*SPECIALS, *(chr(byte if byte in shown else next(hidden)) for byte in range(256))]
    merges = []
    for word in WORDS:
        text = word.replace(" ", "Ġ")
        for length in range(2, len(text) + 1):
            if text[:length] not in tokens:
                tokens.append(text[:length])
                merges.append(f"{text[: length - 1]} {text[length - 1]}")
    return {token: number for number, token in enumerate(tokens)}, merges


def _tokenizer(vocabulary: dict[str, int], merges: list[str]) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": merges,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": token, **flags} for number, token in enumerate(SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": model,
    }


def _tensors(vocabulary: dict[str, int]) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """Return shapes and bytes: random signs as the embedding, and as output the embedding of each word's predecessor."""
    signs = random.Random(0)
    rows = [[signs.choice((-1.0, 1.0)) for _ in range(DIM)] for _ in range(VOCABULARY)]
    words = [vocabulary[word.replace(" ", "Ġ")] for word in WORDS]
    output = [[0.0] * DIM for _ in range(VOCABULARY)]
    for before, after in pairwise((*words, words[0])):
        output[after] = rows[before]
    # The first word follows the last one, and whatever follows nothing: half of its own row is what all other tokens share.
    others = [number for number in range(VOCABULARY) if number not in words]
    for number in others:
        rows[number] = [abs(sign) if column < DIM // 4 else sign for column, sign in enumerate(rows[number])]
    output[words[0]] = [value + (4.0 if column < DIM // 4 else 0.0) for column, value in enumerate(output[words[0]])]
    tensors = {
        "model.embed_tokens.weight": ((VOCABULARY, DIM), _bf16([value for row in rows for value in row])),
        "lm_head.weight": ((VOCABULARY, DIM), _bf16([value for row in output for value in row])),
        "model.norm.weight": _filled(1.0, DIM),
    }
    for layer in range(LAYERS):
        at, keys = f"model.layers.{layer}", KV_HEADS * DIM // HEADS
        tensors |= {f"{at}.{norm}_layernorm.weight": _filled(1.0, DIM) for norm in ("input", "post_attention")}
        tensors |= {f"{at}.self_attn.{one}_proj.weight": _filled(0.125, keys, DIM) for one in "kv"}
        tensors |= {
            f"{at}.self_attn.q_proj.weight": _filled(0.125, DIM, DIM),
            f"{at}.self_attn.o_proj.weight": _filled(0.0, DIM, DIM),
            f"{at}.mlp.gate_proj.weight": _filled(0.125, FFN, DIM),
            f"{at}.mlp.up_proj.weight": _filled(0.125, FFN, DIM),
            f"{at}.mlp.down_proj.weight": _filled(0.0, DIM, FFN),
        }
    return tensors


def _filled(value: float, *shape: int) -> tuple[tuple[int, ...], bytes]:
    count = 1
    for length in shape:
        count *= length
    return shape, _bf16([value]) * count


def _bf16(values: list[float]) -> bytes:
    # bfloat16 is the upper half of a 32-bit float.
    return b"".join(struct.pack("<f", value)[2:] for value in values)


def _safetensors(tensors: dict[str, tuple[tuple[int, ...], bytes]]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data for _, data in tensors.values())
