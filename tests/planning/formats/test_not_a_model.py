"""Files that are no models are called by their names."""

import json
import struct

import pytest

from hostd.planning.formats.not_a_model import BEGIN, file_kind, folder_kind, header_kind, stand_in
from tests.models import weights

OID = b"a" * 64
ST = json.dumps({"a": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}}).encode()
OLD = struct.pack("<7I", 1, 32000, 4096, 256, 32, 32, 128)


@pytest.mark.parametrize(
    ("begin", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + OID + b"\nsize 4683073536\n", "Git LFS"),
        (b"version https://git-lfs.github.com/spec/v1\r\noid sha256:" + OID, "Git LFS"),
        (b"# xet version 0\nfilesize = 4683073536\nhash = '" + OID + b"'\n", "Xet"),
        (b"/annex/objects/SHA256E-s4683073536--" + OID, "git-annex"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n\n  <html lang='en'>", "web page"),
        (b"\xef\xbb\xbf<!doctype html>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web page"),
        (b"Invalid username or password.", "a text"),
        (b'{"error":"Repository not found"}', "a text"),
        (b"", "empty"),
        (bytes(BEGIN), "zeros"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x9f\x01", "ONNX"),
        (b"\x08\x0a:\x80\x80\x04", "ONNX"),
        (b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow"),
        (b"\x89HDF\r\n\x1a\n", "Keras"),
        (b"lmgg" + OLD, "before GGUF"),
        (b"fmgg" + OLD, "before GGUF"),
        (b"tjgg" + OLD, "before GGUF"),
        (b"algg" + OLD, "an adapter"),
        (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl" + bytes(99), "pickled"),
        (b"PK\x03\x04" + bytes(26) + b"m.gguf" + bytes(99), "archive"),
        (b"\x80\x02\x8a\nl\xfc\x9cF", "pickled"),
        (b"\x1f\x8b\x08\0", "archive"),
        (b"\x28\xb5\x2f\xfd", "archive"),
        (struct.pack("<Q", len(ST)) + ST, "file of safetensors"),
        (weights.gguf()[:BEGIN], "GGUF"),
        (struct.pack("<ii", 288, 19) + b"blk.0.attn_q.weight" + bytes(99), "importance matrix"),
        (struct.pack("<ii", 288, 13) + b"output.weight" + bytes(99), "importance matrix"),
    ],
)
def test_a_file_is_known_by_how_it_begins(begin: bytes, what: str) -> None:
    """And what to do about it follows."""
    kind, _, remedy = file_kind(begin[:BEGIN]).partition("; ")
    assert (True, True) == (what in kind, bool(remedy))


@pytest.mark.parametrize("begin", [b"\x93NUMPY\x01\0", b"\x08", b"\x08\x07\xff", b"\xff" * 99, b"G", b"\0\0\0\x08GG"])
def test_of_other_bytes_nothing_is_said(begin: bytes) -> None:
    """A guess would send the owner the wrong way."""
    assert "" == file_kind(begin)


def test_a_stand_in_is_no_file_of_another_kind() -> None:
    """Only what says so of itself is one."""
    assert "Git LFS" in stand_in(b"version https://git-lfs.github.com/spec/v1\n")
    assert ["", "", ""] == [stand_in(b""), stand_in(b"{"), stand_in(b"version 1\n")]


LAYER = ("token_embd.weight", "blk.0.attn_q.weight")


@pytest.mark.parametrize(
    ("keys", "tensors", "what"),
    [
        ({"general.architecture": "llama", "tokenizer.ggml.model": "gpt2"}, (), "a vocabulary"),
        ({"general.architecture": "llama", "general.type": "adapter"}, LAYER, "an adapter"),
        ({"general.architecture": "llama", "adapter.type": "lora"}, LAYER, "an adapter"),
        ({"general.architecture": "llama"}, ("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"), "an adapter"),
        ({"general.type": "imatrix"}, (), "an importance matrix"),
        ({"general.architecture": "imatrix"}, LAYER, "an importance matrix"),
        ({"general.architecture": "controlvector"}, ("direction.1",), "a control vector"),
        (
            {"general.architecture": "flux"},
            ("double_blocks.0.img_attn.qkv.weight",),
            "a model of pictures or video (flux)",
        ),
    ],
)
def test_a_header_says_what_it_is_of(keys: dict[str, object], tensors: tuple[str, ...], what: str) -> None:
    """In keys of several ages, or by the names of its tensors."""
    assert header_kind(keys, tensors).startswith(what)


@pytest.mark.parametrize(
    ("keys", "tensors"),
    [
        ({"general.architecture": "llama", "tokenizer.ggml.model": "gpt2"}, LAYER),
        ({"general.architecture": "llama", "tokenizer.ggml.model": "none"}, ()),
        ({"general.architecture": "llama", "general.type": "model"}, (*LAYER, "blk.0.attn_q.weight.lora_a")),
        ({"general.architecture": "one of tomorrow's"}, LAYER),
        ({}, ()),
    ],
)
def test_a_model_is_none_of_them(keys: dict[str, object], tensors: tuple[str, ...]) -> None:
    """Nor is a header alone, to plan with, or an architecture that nobody knows."""
    assert "" == header_kind(keys, tensors)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("adapter_config.json", "adapter_model.safetensors", "README.md"), "an adapter"),
        (("model_index.json", "unet/config.json"), "a model of pictures"),
        (("config.json", "onnx/model_q4.onnx"), "an ONNX model"),
        (("openvino_model.xml", "openvino_model.bin"), "an OpenVINO model"),
        (("config.json", "pytorch_model-00001-of-00002.bin"), "pickled weights"),
        (("consolidated.00.pth", "params.json"), "pickled weights"),
        (("tf_model.h5",), "weights of Keras"),
        (("config.json", "README.md"), ""),
        ((), ""),
    ],
)
def test_a_folder_says_by_its_names_what_it_holds(names: tuple[str, ...], what: str) -> None:
    """Where it holds no weights that an engine loads."""
    found = folder_kind(names)
    assert found.startswith(what) if what else not found
