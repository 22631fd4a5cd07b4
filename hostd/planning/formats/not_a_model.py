"""Files that lie where a model is expected and are none: each is called by its name, with what to do about it.

Every function returns a noun with an article and, after a semicolon, the remedy; the text is empty where nothing is recognised.
"""

from collections.abc import Collection, Mapping, Sequence

BEGIN = 256
"""Bytes of a file that are enough to recognise it."""

_LORA = "an adapter (LoRA); name the model that it was made for, and the adapter in args: {lora: FILE}"
_PICTURES = "a model of pictures or video ({}), which no engine here runs; name the file of a model of language"
_ONNX = "an ONNX model, which no engine here loads; download the model as GGUF or safetensors"
_PICKLED = (
    "pickled weights of PyTorch, which no engine here loads; convert them, or download the model as GGUF or safetensors"
)
_KERAS = "weights of Keras or TensorFlow, which no engine here loads; download the model as GGUF or safetensors"
_IMATRIX = "an importance matrix, which quantising uses; name the file of a model"
_ARCHIVE = "a packed archive; unpack it, and name the file of weights in it"
_OLD = (
    "a file in ggml's format from before GGUF, which llama.cpp gave up in 2023 and only whisper.cpp still reads; download the "
    "model as GGUF"
)
PROJECTOR = "the projector of another model; name that model's own file"

_STAND_INS = (
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file; 'git lfs pull' in its folder fetches it"),
    (b"# xet version", "a pointer of Xet in place of the file; 'git xet' or 'hf download' fetches it"),
    (b"/annex/objects/", "a pointer of git-annex in place of the file; 'git annex get' in its folder fetches it"),
    (
        b"<",
        "a web page, which a hub may send in place of a file that needs a login; log in and download the file again",
    ),
)
# The old magics are numbers in the machine's order, so that their letters stand backwards.
_MAGICS = (
    (b"lmgg", _OLD),
    (b"fmgg", _OLD),
    (b"tjgg", _OLD),
    (b"algg", f"{_LORA} (this one is from before GGUF: convert it anew)"),
    (b"\x80\x02", _PICKLED),
    (b"\x89HDF", _KERAS),
    (b"PK\x03\x04", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\xfd7zXZ", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"7z\xbc\xaf", _ARCHIVE),
    (b"Rar!", _ARCHIVE),
    (b"GGUF", "a GGUF file; give it a name that ends in .gguf"),
)
_PRINTABLE = frozenset({9, 10, 13, *range(32, 127)})
# ONNX is a message of protobuf: the version of its format, a small number, comes first, then a field of one of these tags.
_ONNX_VERSIONS, _ONNX_TAGS = range(1, 33), frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42})
_MOST_HEADER = 100 << 20

# What ComfyUI's converter writes: https://github.com/city96/ComfyUI-GGUF/blob/main/loader.py
_IMAGE_ARCHITECTURES = frozenset(
    {"aura", "cosmos", "flux", "hidream", "hyvid", "ltxv", "lumina2", "pig", "qwen_image", "sd1", "sd3", "sdxl", "wan"}
)
_NAMES = (
    (("adapter_config.json", "adapter_model.safetensors"), _LORA),
    (("model_index.json",), _PICTURES.format("a pipeline of diffusers")),
    (("openvino_model.xml",), "an OpenVINO model, which no engine here loads; download it as GGUF or safetensors"),
    ((".onnx",), _ONNX),
    ((".bin", ".pth", ".pt", ".ckpt"), _PICKLED),
    ((".h5", ".msgpack", ".tflite", ".keras"), _KERAS),
)


def file_kind(begin: bytes) -> str:
    """Return what a file that *begin*s so is, if it is no file of the kind that its name promised."""
    if kind := stand_in(begin):
        return kind
    if begin[:4] == b"PK\x03\x04" and b"data.pkl" in begin:
        return _PICKLED
    for magic, kind in _MAGICS:
        if begin.startswith(magic):
            return kind
    if len(begin) > 2 and begin[0] == 8 and begin[1] in _ONNX_VERSIONS and begin[2] in _ONNX_TAGS:
        return _ONNX
    if begin[4:8] == b"TFL3":
        return _KERAS
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") < _MOST_HEADER:
        return "a file of safetensors; name its folder, which has to hold a config.json, too"
    # An importance matrix of before 2025: a number of entries, and the first one's name after the length of that.
    if begin[8:12] in (b"blk.", b"outp"):
        return _IMATRIX
    return _blank(begin)


def _blank(begin: bytes) -> str:
    if not begin:
        return "an empty file; download it again"
    if not any(begin):
        return "a file that begins with zeros, as a download does that was not finished; download it again"
    if len(begin) > 2 and _PRINTABLE.issuperset(begin):
        return "a text; look into it, for it may be what a hub answered in place of the file"
    return ""


def stand_in(begin: bytes) -> str:
    """Return what a file that *begin*s so is, if it stands in the place of another: a pointer to it, or a web page."""
    text = bytes(begin).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for start, kind in _STAND_INS if text.startswith(start)), "")


def header_kind(keys: Mapping[str, object], tensors: Sequence[str]) -> str:
    """Return what a GGUF file with these *keys* and names of *tensors* is, if it is no model of language."""
    kind, architecture = keys.get("general.type"), keys.get("general.architecture")
    if "imatrix" in (kind, architecture):
        return _IMATRIX
    lora = bool(tensors) and all(name.endswith((".lora_a", ".lora_b")) for name in tensors)
    if kind == "adapter" or "adapter.type" in keys or lora:
        return _LORA
    if architecture == "controlvector":
        return "a control vector; name the model that it was made for, and the vector in args: {control-vector: FILE}"
    if architecture in _IMAGE_ARCHITECTURES:
        return _PICTURES.format(architecture)
    # A header with neither weights nor a vocabulary is a model's, cut down to plan with.
    if keys.get("tokenizer.ggml.model", "none") != "none" and not tensors:
        return "a vocabulary without weights; name the file of a model"
    return ""


def folder_kind(names: Collection[str]) -> str:
    """Return what the files of these *names* are, in a folder without weights that an engine loads."""
    return next((kind for ends, kind in _NAMES if any(name.endswith(ends) for name in names)), "")
