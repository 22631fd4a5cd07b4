"""The environment of an engine is made from nothing."""

import pytest

from hostd.backends.environment import engine_environment, withheld


def test_an_engine_sees_its_libraries_and_its_accelerators() -> None:
    """What selects programs, libraries and GPUs passes through unchanged."""
    host = {"PATH": "/bin", "HOME": "/home/a", "LD_LIBRARY_PATH": "/opt", "CUDA_VISIBLE_DEVICES": "1", "GGML_X": "2"}
    assert host == engine_environment(host)


def test_no_secret_and_no_stray_flag_reaches_an_engine() -> None:
    """Cloud keys, hub tokens, llama.cpp's flag variables and Python's settings stay behind."""
    host = {
        "OPENAI_API_KEY": "a",
        "HF_TOKEN": "b",
        "CUDA_API_KEY": "c",
        "GGML_TOKEN": "d",
        "LLAMA_ARG_HOST": "0.0.0.0",
        "LLAMA_API_KEY": "e",
        "PYTHONPATH": "/x",
        "API_KEY": "f",
    }
    assert {} == engine_environment(host)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "NCCL_P2P_DISABLE",
            "HF_HOME",
            "PYTORCH_ALLOC_CONF",
            "VLLM_LOGGING_LEVEL",
            "DYLD_LIBRARY_PATH",
            "AMD_VULKAN_ICD",
        ),
        *("MESA_VK_DEVICE_SELECT", "MIOPEN_FIND_MODE", "HSA_OVERRIDE_GFX_VERSION", "GGML_VK_VISIBLE_DEVICES"),
        *("VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE", "TOKENIZERS_PARALLELISM"),
    ],
)
def test_what_a_machine_needs_passes(name: str) -> None:
    """Settings of drivers and libraries differ between machines, and are no secrets."""
    assert {name: "1"} == engine_environment({name: "1"})
    assert [] == withheld({name: "1"})


def test_what_looks_meant_for_engines_and_is_withheld_can_be_told() -> None:
    """By name only; what has nothing to do with engines is no news."""
    host = {
        **dict.fromkeys(
            ("LLAMA_ARG_THREADS", "HF_TOKEN", "https_proxy", "OLLAMA_HOST", "LD_PRELOAD", "VLLM_API_KEY"), "x"
        ),
        **dict.fromkeys(
            ("SHELL", "OPENAI_API_KEY", "SSH_AUTH_SOCK", "PATH", "PYTHONUNBUFFERED", "CUDA_VISIBLE_DEVICES"), "x"
        ),
    }
    expected = ["HF_TOKEN", "LD_PRELOAD", "LLAMA_ARG_THREADS", "OLLAMA_HOST", "VLLM_API_KEY", "https_proxy"]
    assert expected == withheld(host)
