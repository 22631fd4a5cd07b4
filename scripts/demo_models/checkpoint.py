"""A trained model as a Hugging Face folder, which MLX and vLLM read as it is."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from demo_models.recipe import BOS, END, PAD, SPECIALS, Recipe, Shape
from demo_models.template import CHAT_TEMPLATE


def write(recipe: Recipe, network: torch.nn.Module, target: Path) -> None:
    """Write *network* (bfloat16) and the settings of *recipe* beside the tokenizer.json that *target* has already."""
    tensors = {
        f"model.{name}": weights.detach().to(torch.bfloat16).contiguous()
        for name, weights in network.named_parameters()
    }
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    ends = {"bos_token_id": BOS, "eos_token_id": END, "pad_token_id": PAD}
    _json(target / "config.json", _config(recipe.shape) | ends)
    _json(target / "generation_config.json", ends)
    _json(target / "tokenizer_config.json", _tokenizer_config(recipe.shape))


def _config(shape: Shape) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.dim,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.rope_base,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
    }


def _tokenizer_config(shape: Shape) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIALS[BOS],
        "eos_token": SPECIALS[END],
        "pad_token": SPECIALS[PAD],
        "model_max_length": shape.context,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def _json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
