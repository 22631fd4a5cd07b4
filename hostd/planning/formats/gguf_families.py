"""Architectures of GGUF models by name: which layers have a sliding window, a recurrent state, or no cache.

Headers leave this out and engines have it in code. Source: llama.cpp's loaders (src/models/*.cpp and
llama_model::create_memory in src/llama-model.cpp, commit 0c1e57098).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sliding:
    """Pattern of an architecture's sliding-window layers, for headers that do not list them.

    One layer of every *period* has full attention: the last one, or the first if *dense_first*; with 0, only the header can
    list them. *window* is in tokens and holds if the header has none, *fixed* even if it has one; with 0, a header without a
    window means full attention. *only_with_layers* limits the pattern to models of that many layers.
    """

    period: int = 0
    dense_first: bool = False
    window: int = 0
    fixed: bool = False
    only_with_layers: int | None = None


SLIDING = {
    "afmoe": Sliding(4),
    "cohere2": Sliding(4),
    "cohere2moe": Sliding(4, dense_first=True),
    "dots3note": Sliding(),
    "exaone-moe": Sliding(4, window=128),
    "exaone4": Sliding(4, window=4096, only_with_layers=64),
    "gemma-embedding": Sliding(6),
    "gemma2": Sliding(2, window=4096),
    "gemma3": Sliding(6),
    "gemma3n": Sliding(5),
    "gemma4": Sliding(),
    "gpt-oss": Sliding(2),
    "granite_swa": Sliding(),
    "laguna": Sliding(4, dense_first=True),
    "llama4": Sliding(4, window=8192, fixed=True),
    "maple": Sliding(),
    "mellum": Sliding(4),
    "mimo2": Sliding(),
    "modern-bert": Sliding(3, dense_first=True),
    "muse-glimmer": Sliding(4),
    "olmo2": Sliding(4),
    "plamo3": Sliding(8),
    "smallthinker": Sliding(4, dense_first=True, window=4096, fixed=True),
    "spark2_5": Sliding(),
    "step35": Sliding(),
}

# Without the window's key, these have full attention only. (llama4's key only switches the window off, with a 0.)
WINDOW_KEY_REQUIRED = {"smallthinker"}

# Every layer has a recurrent state of constant size and no KV cache.
RECURRENT = {"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"}

# Hybrids: a layer without KV heads has a recurrent state. A layer of Nemotron-H has attention, a state or a feed-forward part,
# so its recurrent and its attention layers have no feed-forward width either.
RECURRENT_WITHOUT_KV_HEADS = {
    "bailingmoe3", "glm5-next", "granitehybrid", "jamba", "kimi-k3", "kimi-linear", "lfm2", "lfm2moe", "nemotron_h",
    "nemotron_h_moe", "plamo2",
}  # fmt: skip
ONE_THING_PER_LAYER = {"nemotron_h", "nemotron_h_moe"}

# Hybrids: every n-th layer has full attention, the others a recurrent state, unless the header lists them.
FULL_ATTENTION_INTERVAL = {"minimax-01": 8, "qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4}

# Attention and recurrence side by side in every layer.
PARALLEL = {"falcon-h1"}

# Layers from this number on read earlier layers' KV cache, if the header does not count them.
KV_UNTIL_LAYER = {"gemma3n": 20}

# Sparse attention caches a key per token for its indexer.
INDEXED = {"deepseek32", "dots3note", "glm-dsa", "glm5-next", "hy_v4", "minimax-m3", "qwen4exp"}

# Indexers that choose whole blocks cache so many rows for each token: its key, a gate of GLM's, and the block's pooled key
# (llama.cpp's llama-memory-hybrid-idx.cpp).
INDEX_ROWS = {"glm5-next": 3, "qwen4exp": 2}

# Encoders read their whole input at once and have no cache.
ENCODERS = {
    "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe", "modern-bert", "neo-bert",
    "nomic-bert", "nomic-bert-moe", "rnd1", "t5encoder", "wavtokenizer-dec",
}  # fmt: skip

# Full attention on every layer: the keys that all architectures share describe it completely.
PLAIN = {
    "apertus", "arcee", "arctic", "baichuan", "bailingmoe", "bailingmoe2", "bitnet", "bloom", "chameleon", "chatglm",
    "codeshell", "cogvlm", "command-r", "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr", "dots1", "ernie4_5",
    "ernie4_5-moe", "exaone", "falcon", "gemma", "glm4", "glm4moe", "gpt2", "gptj", "gptneox", "granite", "granitemoe",
    "graniteswitch", "grok", "grovemoe", "hrm_text", "hunyuan-dense", "hunyuan-moe", "hunyuan_vl", "hy_v3", "internlm2",
    "jais", "jais2", "k2-horizon", "llama", "llama-embed", "maincoder", "minicpm", "minicpm3", "minimax-m2", "mistral3",
    "mistral4", "mpt", "nemotron", "olmo", "olmoe", "openelm", "orion", "paddleocr", "pangu-embedded", "phi2", "phi3",
    "phimoe", "plamo", "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe",
    "refact", "seed_oss", "smollm3", "stablelm", "starcoder", "starcoder2", "t5", "talkie", "xverse",
}  # fmt: skip

# A layer after the last one has no weights, but keys and values of one head: it tells which adapter a token is for.
ROUTED = {"graniteswitch"}

# Every layer keeps a window of raw keys and, by the layer's ratio, one compressed key for so many tokens; keys are values, too.
# The indexer of layers that compress little has a key for each compressed one (llama.cpp pull request 24162).
COMPRESSED = {"deepseek4"}

# Names that Ollama's own converter writes (convert/*.go) for architectures that llama.cpp's calls otherwise.
ALIASES = {
    "gptoss": "gpt-oss",
    "glm4moelite": "deepseek2",
    "glmocr": "glm4",
    "deepseekocr": "deepseek2-ocr",
    "olmo3": "olmo2",
    "qwen25vl": "qwen2vl",
}

KNOWN = (
    PLAIN
    | COMPRESSED
    | ENCODERS
    | RECURRENT
    | RECURRENT_WITHOUT_KV_HEADS
    | PARALLEL
    | INDEXED
    | SLIDING.keys()
    | FULL_ATTENTION_INTERVAL.keys()
)

# Of llama.cpp's own list (build 11549), these have caches that none of the rules above describes, so they are bounded only:
# nanbeige (layers that are run several times), qwen3tts, pockettts and gemma-embedding2 (no text comes out), gemma4-assistant,
# eagle3 and dflash (they draft from another's states).

# Vision and audio towers, which engines load from a file of their own.
PROJECTORS = {"clip"}
