"""The environment of an engine, made from nothing.

An engine needs its programs, its libraries and the owner's choice of accelerators. It needs no cloud key, and no variable that
would add flags which the profile does not show (``LLAMA_ARG_*``), so everything that is not listed here is left out. The owner
adds what else one needs by ``env`` in a profile or below ``backends``.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from hostd.domain.profile import EngineSettings, Profile
from hostd.programs import find_program

_READ = 1024
_PYTHON = re.compile(r"python[0-9.]*(\.exe)?", re.ASCII)
# Where the path is too long for the kernel or has spaces, installers write a line of shell that names the interpreter.
_BY_SHELL = re.compile(r"'''exec' \"?([^\"\n]+?)\"? \"\$0\"")


def interpreter_of(program: str) -> str | None:
    """Return the Python that runs *program*, a path or a name on PATH; itself where it is one, None where it is not Python's."""
    found = find_program(program)
    if found is None:
        return None
    if _PYTHON.fullmatch(Path(found).name):
        return found
    try:
        with Path(found).open("rb") as script:
            text = script.read(_READ).decode("utf-8", "replace")
    except OSError:
        return None
    first, _, rest = text.partition("\n")
    if not first.startswith("#!"):
        return None
    # "#!/usr/bin/env python3" and a shell line that executes the interpreter both occur in virtual environments.
    words = first[2:].split()
    if words and Path(words[0]).name == "env":
        words = [find_program(word) or "" for word in words[1:] if _PYTHON.fullmatch(word)]
    elif words and Path(words[0]).name == "sh" and (exec_line := _BY_SHELL.search(rest)):
        words = [exec_line[1]]
    return words[0] if words and _PYTHON.fullmatch(Path(words[0]).name) else None


NAMES = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"),
        *("DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH"),
        # Where models and compiled kernels are cached; nothing that says from where they are fetched.
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "TOKENIZERS_PARALLELISM"),
        *("AMD_VULKAN_ICD", "AMD_LOG_LEVEL", "GPU_MAX_HW_QUEUES", "DISABLE_LAYER_AMD_SWITCHABLE_GRAPHICS_1"),
    }
)
# HOME stays: GPU drivers keep their compiled kernels below it, and compiling those again takes minutes at each start.

PREFIXES = (
    *(
        "CUDA_",
        "NVIDIA_",
        "NCCL_",
        "HIP_",
        "ROCR_",
        "ROCM_",
        "ROCBLAS_",
        "HIPBLASLT_",
        "HSA_",
        "MIOPEN_",
        "RCCL_",
        "AMDGPU_",
    ),
    *("ZE_", "ONEAPI_", "SYCL_", "UR_", "VK_", "MESA_", "RADV_", "ANV_", "LIBVA_", "GGML_", "MTL_", "MLX_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_"),
    *("PYTORCH_", "TORCH_", "TORCHINDUCTOR_", "TRITON_", "VLLM_", "FLASHINFER_", "GLOO_"),
)

_SECRET = re.compile(r"KEY|TOKEN(?!S|IZ)|SECRET|PASSW|CREDENTIAL|AUTH")
_OF_ENGINES = ("LLAMA_", "OLLAMA_", "HF_", "HUGGING_FACE_", "TRANSFORMERS_", "DYLD_", "LD_", "AMD_", "GPU_")
_ALSO_NAMED = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "PYTHONPATH", "PYTHONHOME"})


def engine_environment(host: Mapping[str, str]) -> dict[str, str]:
    """Return those variables of the *host* that an engine may see; nothing that is named like a secret is among them."""
    return {name: value for name, value in host.items() if _passes(name)}


def owner_environment(settings: EngineSettings, profile: Profile) -> dict[str, str]:
    """Return what an engine of *profile* gets of this process's environment and of the owner's own variables."""
    return engine_environment(os.environ) | dict(settings.env) | dict(profile.env)


def withheld(host: Mapping[str, str]) -> list[str]:
    """Return the names of those variables of the *host* that look as if they were meant for engines, and do not reach them."""
    return sorted(
        name
        for name in host
        if (name.startswith((*PREFIXES, *_OF_ENGINES)) or name.upper() in _ALSO_NAMED) and not _passes(name)
    )


def _passes(name: str) -> bool:
    return (name in NAMES or name.startswith(PREFIXES)) and not _SECRET.search(name)
