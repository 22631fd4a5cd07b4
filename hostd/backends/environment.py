"""The environment of an engine, made from nothing.

An engine needs its programs, its libraries and the owner's choice of accelerators. It needs no cloud key, and no variable
that would quietly add flags behind the profile's back (``LLAMA_ARG_*``), so everything that is not listed here is left out.
"""

from collections.abc import Mapping

NAMES = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"})
# HOME stays: GPU drivers keep their compiled kernels below it, and compiling those again takes minutes at each start.

PREFIXES = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "ROCM_", "HSA_", "ZE_", "ONEAPI_", "VK_", "GGML_", "OMP_", "GOMP_")

_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def engine_environment(host: Mapping[str, str]) -> dict[str, str]:
    """Return those variables of the *host* that an engine may see; nothing that is named like a secret is among them."""
    return {
        name: value
        for name, value in host.items()
        if (name in NAMES or name.startswith(PREFIXES)) and not any(word in name for word in _SECRET)
    }
