"""The environment of an engine is made from nothing."""

from hostd.backends.environment import engine_environment


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
