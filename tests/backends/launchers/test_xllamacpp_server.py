"""llama-server's command line, understood for a wheel that has none."""

import importlib
import importlib.util
from pathlib import Path

import pytest

from hostd.backends.launchers import xllamacpp_server
from hostd.backends.launchers.xllamacpp_server import BadFlag, Member, main, settings
from hostd.backends.llamacpp import command_line as llamacpp
from hostd.domain.profile import Capabilities, Profile


def kind(name: str) -> Member:
    """Return a kind of speculative decoding."""
    return Member("common_speculative_type", f"COMMON_SPECULATIVE_TYPE_{name}")


needs_wheel = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs xllamacpp")


def test_everything_that_the_backend_passes_is_understood(tmp_path: Path) -> None:
    """The widest profile makes no flag that the launcher refuses."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    profile = Profile(
        "tiny",
        (),
        context=512,
        slots=2,
        kv_type="q8_0",
        capabilities=Capabilities(embeddings=True),
        args={"jinja": True},
    )
    seen = dict(settings(llamacpp.arguments(profile, path, 4711), {}))
    assert (str(path), ["127.0.0.1"], 4711, {"tiny"}) == (
        seen["model.path"],
        seen["hostnames"],
        seen["port"],
        seen["model_alias"],
    )
    assert (1024, 2, True, True) == (seen["n_ctx"], seen["n_parallel"], seen["embedding"], seen["endpoint_metrics"])
    assert Member("ggml_type", "GGML_TYPE_Q8_0") == seen["cache_type_v"]
    assert Member("llama_pooling_type", "LLAMA_POOLING_TYPE_LAST") == seen["pooling_type"]


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        ("-fa auto", "flash_attn_type", Member("llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_AUTO")),
        ("-lm mmap+mlock", "load_mode", Member("llama_load_mode", "LLAMA_LOAD_MODE_MMAP_MLOCK")),
        ("-ngl auto", "n_gpu_layers", -1),
        ("-ngl all", "n_gpu_layers", -2),
        ("--n-gpu-layers 0", "n_gpu_layers", 0),
        ("--rope-scale 4", "rope_freq_scale", 0.25),
        ("--no-kv-offload", "no_kv_offload", True),
        ("--no-warmup", "warmup", False),
        ("--fit off", "fit_params", False),
        ("--seed -1", "sampling.seed", 2**32 - 1),
        ("--timeout 7", "timeout_write", 7),
        ("--reranking", "pooling_type", Member("llama_pooling_type", "LLAMA_POOLING_TYPE_RANK")),
        ('--chat-template-kwargs {"enable_thinking":false}', "default_template_kwargs", {"enable_thinking": "false"}),
        ("-rea off", "enable_reasoning", 0),
        ("--device none", "n_gpu_layers", 0),
        ("-ts 3,1", "tensor_split", [3.0, 1.0, *[0.0] * 126]),
        ("--spec-type draft-mtp,ngram-mod", "speculative.types", [kind("DRAFT_MTP"), kind("NGRAM_MOD")]),
        ("-md d.gguf", "speculative.draft.mparams.path", "d.gguf"),
        ("-ctkd q8_0", "speculative.draft.cache_type_k", Member("ggml_type", "GGML_TYPE_Q8_0")),
    ],
)
def test_a_flag_sets_what_llama_server_would_set(words: str, attribute: str, value: object) -> None:
    """Words, negations and units end up where the server reads them."""
    assert value == dict(settings(words.split(" "), {}))[attribute]


def test_the_environment_counts_and_flags_win() -> None:
    """Newer settings come as variables; a profile's flag overrides them."""
    environ = {"LLAMA_API_KEY": "a,b", "LLAMA_ARG_CACHE_RAM": "512", "LLAMA_ARG_UI": "0", "LLAMA_ARG_HOST": "0.0.0.0"}
    seen = dict(settings(["--cache-ram", "0"], environ))
    assert {"ui": False, "api_keys": ["a", "b"], "cache_ram_mib": 0} == seen


def test_any_flag_can_come_as_a_variable() -> None:
    """What the owner keeps off the command line is read from the environment; what stands for no flag is passed over."""
    environ = {"LLAMA_ARG_CHAT_TEMPLATE": "secret", "LLAMA_ARG_THREADS": "3", "LLAMA_ARG_BOGUS": "1", "LLAMA_ARG_": "1"}
    assert {"chat_template": "secret", "cpuparams.n_threads": 2} == dict(settings(["-t", "2"], environ))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--bogus 3", "error: invalid argument: --bogus"),
        ("-c", 'error while handling argument "-c": expected value for argument'),
        ("-c abc", 'error while handling argument "-c": '),
        ("-ctk q9_9", 'error while handling argument "-ctk": Unsupported cache type: q9_9'),
        ("-fa yes", "error while handling argument \"-fa\": unknown value 'yes'; use one of on, off, auto"),
        ("--rope-scale 0", 'error while handling argument "--rope-scale": '),
        ("--chat-template-file /no/such/file", 'error while handling argument "--chat-template-file": '),
        ("--chat-template-kwargs 3", 'error while handling argument "--chat-template-kwargs": '),
    ],
)
def test_a_bad_flag_is_refused_in_the_words_of_llama_server(words: str, text: str) -> None:
    """The same lines, so that the same table tells what they mean."""
    with pytest.raises(BadFlag) as caught:
        settings(words.split(), {})
    assert str(caught.value).startswith(text)


WORDS = (
    "1 {} on off auto none mean cls last rank linear yarn layer row tensor mmap mlock mmap+mlock dio distribute isolate"
    " numactl deepseek deepseek-legacy f32 f16 bf16 q8_0 q4_0 q4_1 iq4_nl q5_0 q5_1"
)


@needs_wheel
@pytest.mark.parametrize("flag", [*xllamacpp_server.VALUES, *xllamacpp_server.SWITCHES])
def test_every_flag_has_its_attribute_in_the_wheel(flag: str) -> None:
    """No row of the tables is misspelt: each word that a flag accepts can be set on the real parameters."""
    wheel = importlib.import_module("xllamacpp")
    name, accepted = flag.split(maxsplit=1)[0], 0
    for words in [[name], *([name, word] for word in (*WORDS.split(), __file__))]:
        try:
            found = settings(words, {"LLAMA_ARG_KV_UNIFIED": "1", "LLAMA_ARG_ENDPOINT_SLOTS": "1"})
        except BadFlag:
            continue
        assert xllamacpp_server.common_params(wheel, found).kv_unified or "kv" in name
        accepted += 1
    assert accepted


@needs_wheel
def test_a_number_that_does_not_fit_is_a_bad_flag() -> None:
    """An absurd context ends with a sentence, not with a traceback."""
    wheel = importlib.import_module("xllamacpp")
    with pytest.raises(BadFlag, match="99999999999 is out of range for n_ctx"):
        xllamacpp_server.common_params(wheel, [("n_ctx", 99_999_999_999)])


def test_flags_can_be_tried_without_a_server() -> None:
    """Nothing is imported and nothing starts; a bad one ends as it would have ended the server."""
    main(["-m", "/nowhere.gguf", "-ngl", "0", "--version"], {})
    with pytest.raises(SystemExit, match="error: invalid argument: --bogus"):
        main(["--bogus", "--version"], {})
