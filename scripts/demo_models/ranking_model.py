"""A GGUF that ranks: a BERT of one layer whose score for a text is known, the share of the word `GOOD` among its words."""

from pathlib import Path

import gguf
import numpy as np

from demo_models.gguf_file import finish

DIM, HEADS, FEED_FORWARD, CONTEXT = 32, 2, 64, 512
GOOD = "good"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!"
_PAD, _UNKNOWN, _CLS, _SEP, _MASK = range(len(SPECIALS))


def write_ranking(target: Path) -> None:
    """Write the model at *target*; it takes any text, in letters."""
    tokens = [*SPECIALS, f"▁{GOOD}", *(f"▁{letter}" for letter in _LETTERS), *_LETTERS]
    writer = gguf.GGUFWriter(target, "bert")
    _write_header(writer, tokens)
    for name, weights in _weights(tokens).items():
        writer.add_tensor(name, weights.astype(np.float32))
    finish(writer)


def _write_header(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    writer.add_name("ranking")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL] * len(SPECIALS) + [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIALS))
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_type_count(2)
    for add, number in (
        (writer.add_pad_token_id, _PAD),
        (writer.add_unk_token_id, _UNKNOWN),
        (writer.add_bos_token_id, _CLS),
        (writer.add_eos_token_id, _SEP),
        (writer.add_sep_token_id, _SEP),
        (writer.add_mask_token_id, _MASK),
    ):
        add(number)


def _weights(tokens: list[str]) -> dict[str, np.ndarray]:
    """Return tensors by which every token attends to all alike, so that the first one has the mean of what they are."""
    words = np.zeros((len(tokens), DIM))
    words[:, 1] = 1.0
    words[tokens.index(f"▁{GOOD}")] = np.eye(DIM)[0]
    square, ones, none = np.eye(DIM), np.ones(DIM), np.zeros(DIM)
    found = {
        "token_embd.weight": words,
        "token_types.weight": np.zeros((2, DIM)),
        "position_embd.weight": np.zeros((CONTEXT, DIM)),
        "cls.weight": square,
        "cls.bias": none,
        "cls.output.weight": np.array([[1.0, -1.0] + [0.0] * (DIM - 2)]),
        "cls.output.bias": np.zeros(1),
        "blk.0.ffn_up.weight": np.zeros((FEED_FORWARD, DIM)),
        "blk.0.ffn_up.bias": np.zeros(FEED_FORWARD),
        "blk.0.ffn_down.weight": np.zeros((DIM, FEED_FORWARD)),
        "blk.0.ffn_down.bias": none,
    }
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        found[f"blk.0.{name}.weight"] = square if name in ("attn_v", "attn_output") else np.zeros((DIM, DIM))
        found[f"blk.0.{name}.bias"] = none
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        found[f"{name}.weight"], found[f"{name}.bias"] = ones, none
    return found
