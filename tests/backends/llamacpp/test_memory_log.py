"""Reading what llama.cpp logs about memory; the lines are real ones."""

import pytest

from hostd.backends.llamacpp.memory_log import parse, pool_of
from hostd.domain.footprint import Component

MIB = 1 << 20

DEFAULT = """\
0.00.000.864 I srv  llama_server: initializing ...
0.00.004.486 I srv    load_model: loading model 'l.gguf'
0.00.069.756 I cmn          init: llama threadpool init, n_threads = 2
0.00.096.982 I srv    load_model: initializing, n_slots = 2, n_ctx_slot = 4096, kv_unified = 'false'
0.00.098.433 I srv  llama_server: model loaded
""".splitlines()

REHEARSAL = """\
0.00.003.932 I srv          init: build_info: b11549-0c1e570
0.00.006.110 I common_params_fit_impl: getting device memory data for initial parameters:
0.00.004.856 I llama_model_loader: loaded meta data with 14 key-value pairs and 39 tensors from /m/l.gguf (version GGUF V3 (latest))
0.00.005.491 I load_tensors:          CPU model buffer size =     0.00 MiB
0.00.005.516 I llama_context: constructing llama_context
0.00.005.639 I llama_context:        CPU  output buffer size =     0.24 MiB
0.00.005.934 I llama_kv_cache:        CPU KV buffer size =     0.00 MiB
0.00.005.937 I llama_kv_cache: size =  128.00 MiB (  4096 cells,   4 layers,  2/2 seqs), K (f16):   64.00 MiB, V (f16):   64.00 MiB
0.00.005.938 I llama_memory_recurrent:        CPU RS buffer size =     1.19 MiB
0.00.005.938 I llama_memory_recurrent: size =    1.19 MiB (     2 cells,   8 layers,  2 seqs  0 rs_seq), R (f32):    0.19 MiB
0.00.007.033 I sched_reserve:        CPU compute buffer size =    57.02 MiB
common_memory_breakdown_print: | memory breakdown [MiB] | total   free    self   model   context   compute    unaccounted |
common_memory_breakdown_print: |   - Host               |                  510 =   324 +     129 +      57                |
0.00.009.139 I common_params_fit_impl: projected to use 510 MiB of host memory vs. 24105 MiB of total host memory
""".splitlines()

LOAD = """\
0.00.020.001 I llama_model_loader: loaded meta data with 14 key-value pairs and 39 tensors from /m/l.gguf (version GGUF V3 (latest))
0.00.600.001 I load_tensors: offloaded 4/5 layers to GPU
0.00.622.225 I load_tensors:   CPU_Mapped model buffer size =   324.13 MiB
0.00.622.225 I load_tensors:   CPU_REPACK model buffer size =   100.00 MiB
0.00.622.225 I load_tensors:        CUDA0 model buffer size =  5532.43 MiB
0.00.622.700 I llama_context: constructing llama_context
0.00.622.818 I llama_context:        CPU  output buffer size =     0.24 MiB
0.00.623.047 I llama_kv_cache:        CPU KV buffer size =    32.00 MiB
0.00.623.047 I llama_kv_cache:      CUDA0 KV buffer size =    96.00 MiB
0.00.676.996 I llama_kv_cache: size =  128.00 MiB (  4096 cells,   4 layers,  2/2 seqs), K (f16):   64.00 MiB, V (f16):   64.00 MiB
0.00.678.011 I sched_reserve:      CUDA0 compute buffer size =   300.00 MiB
0.00.678.021 I sched_reserve:      CUDA0 compute buffer size =   258.50 MiB
0.00.678.031 I sched_reserve:  CUDA_Host compute buffer size =    16.01 MiB
""".splitlines()


def mib(count: float) -> int:
    """Return bytes."""
    return round(count * MIB)


def test_the_default_verbosity_says_nothing_of_memory() -> None:
    """Then nothing is measured, rather than zero."""
    assert {} == parse(DEFAULT).parts


def test_only_the_last_load_counts() -> None:
    """The rehearsal prints the same lines, and a graph that is reserved again replaces the one before."""
    found = parse([*REHEARSAL, *LOAD])
    card, host = found.parts["cuda:0"], found.parts["ram"]
    assert (mib(5532.43), mib(96), mib(258.5)) == tuple(
        card[part] for part in (Component.WEIGHTS, Component.KV, Component.COMPUTE)
    )
    assert (mib(324.13) + mib(100), mib(32), mib(0.24) + mib(16.01)) == tuple(
        host[part] for part in (Component.WEIGHTS, Component.KV, Component.COMPUTE)
    )
    assert ((4, 5), "b11549-0c1e570") == (found.offloaded, found.build)
    assert Component.RECURRENT not in host


def test_a_draft_model_is_counted_besides() -> None:
    """It is another file."""
    draft = [line.replace("/m/l.gguf", "/m/draft.gguf") for line in LOAD]
    once, twice = parse(LOAD), parse([*LOAD, *draft])
    assert 2 * once.parts["cuda:0"][Component.KV] == twice.parts["cuda:0"][Component.KV]


def test_views_of_one_file_are_not_added_up() -> None:
    """On a Mac, both devices map the same pages."""
    lines = [
        "load_tensors:   CPU_Mapped model buffer size =    55.27 MiB",
        "load_tensors:  MTL0_Mapped model buffer size =   786.33 MiB",
    ]
    assert {"metal": {Component.WEIGHTS: mib(786.33)}} == parse(lines, host="metal").parts
    assert mib(55.27) == parse(lines).parts["ram"][Component.WEIGHTS]


@pytest.mark.parametrize(
    ("device", "pool"),
    [
        ("CUDA1", "cuda:1"),
        ("ROCm0", "rocm:0"),
        ("MTL0_Mapped", "metal"),
        ("Metal", "metal"),
        ("Vulkan0", "vulkan:0"),
        ("CUDA_Host", "ram"),
        ("ROCm_Host", "ram"),
        ("CPU_REPACK", "ram"),
        ("Host", "ram"),
        ("BLAS", "ram"),
    ],
)
def test_devices_belong_to_pools(device: str, pool: str) -> None:
    """Memory of the host that a device may read is the host's."""
    assert pool == pool_of(device)
