"""Files of models without weights, and folders of profiles, for plans."""

from pathlib import Path

from tests.planning.stub import model

GIB = 2**30


def weigh(path: Path, gib: float, layers: int = 32, architecture: str = "llama") -> Path:
    """Write the header of a model whose weights would take *gib* GiB, half a GiB of it tables, with 128 KiB of KV per token."""
    each = int((gib - 0.5) * GIB / layers)
    tensors = [(f"blk.{at}.ffn_up.weight", (each,), "i8") for at in range(layers)]
    tensors += [(name, (GIB // 4,), "i8") for name in ("token_embd.weight", "output.weight")]
    path.write_bytes(
        model(
            architecture,
            tensors,
            block_count=layers,
            context_length=131072,
            embedding_length=4096,
            feed_forward_length=14336,
            vocab_size=32000,
            attention__head_count=32,
            attention__head_count_kv=8,
        )
    )
    return path


def declare(home: Path, name: str, gib: float, **keys: object) -> Path:
    """Declare a profile in the owner's files below *home*, and write its model; return the model's path."""
    folder = home / "config/hostd/model_profiles"
    folder.mkdir(parents=True, exist_ok=True)
    path = weigh(home / f"{name}.gguf", gib)
    lines = [f"name: {name}", f"variants: [{{backend: llamacpp, path: {path}}}]", "context: 8192", "slots: 2"]
    lines += [f"{key}: {value}" for key, value in keys.items()]
    (folder / f"{name}.yaml").write_text("\n".join(lines) + "\n")
    return path
