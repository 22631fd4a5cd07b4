"""The last words of llama.cpp, recorded from real engines, and what they mean."""

import pytest

from hostd.backends.llamacpp.faults import classify
from hostd.domain.reason import ExitClass

RECORDED: list[tuple[int, str, ExitClass]] = [
    # llama-server and the server inside xllamacpp
    (
        1,
        "0.00 E gguf_init_from_file: failed to open GGUF file '/nope.gguf' (No such file or directory)",
        ExitClass.MISSING_FILE,
    ),
    (1, "0.00 E gguf_init_from_reader: invalid magic characters: 'hell', expected 'GGUF'", ExitClass.MISSING_FILE),
    (1, "0.00 E gguf_init_from_reader: failed to read header", ExitClass.MISSING_FILE),
    (
        1,
        "E llama_model_load: tensor 'a' data is not within the file bounds, model is corrupted or incomplete",
        ExitClass.MISSING_FILE,
    ),
    (1, "error: invalid argument: --no-mmap", ExitClass.BAD_FLAG),
    (1, 'error while handling argument "-ctk": Unsupported cache type: q9_9', ExitClass.BAD_FLAG),
    (1, 'error while handling argument "-c": stoi', ExitClass.BAD_FLAG),
    (1, "0.01 E llama_init_from_model: quantized V cache requires flash_attn to be enabled", ExitClass.BAD_FLAG),
    (
        1,
        "0.00 E srv         start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 18902",
        ExitClass.PORT_TAKEN,
    ),
    (
        1,
        "0.87 E ggml_backend_buft_alloc_buffer_n_default: failed to allocate CPU buffer of size 40960000000",
        ExitClass.OUT_OF_MEMORY,
    ),
    (1, "ggml_aligned_malloc: insufficient memory (attempted to allocate 78125.00 MB)", ExitClass.OUT_OF_MEMORY),
    (1, "0.01 E srv  llama_server: exiting due to model loading error", ExitClass.UNKNOWN),
    # llama_cpp.server
    (1, "ValueError: Model path does not exist: /nope.gguf", ExitClass.MISSING_FILE),
    (1, "ValueError: Failed to load model from file: corrupt.gguf", ExitClass.MISSING_FILE),
    (2, "__main__.py: error: unrecognized arguments: --bogus 3", ExitClass.BAD_FLAG),
    (2, "__main__.py: error: argument --n_ctx: invalid int value: 'abc'", ExitClass.BAD_FLAG),
    (
        3,
        "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 18942): address already in use",
        ExitClass.PORT_TAKEN,
    ),
]

FROM_SOURCES: list[tuple[int, str, ExitClass]] = [
    (
        1,
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9216.00 MiB on device 0: cudaMalloc failed: out of memory",
        ExitClass.OUT_OF_MEMORY,
    ),
    (-6, "CUDA error: out of memory", ExitClass.OUT_OF_MEMORY),
    (-6, "CUDA error: invalid argument", ExitClass.DRIVER),
    (1, "llama_model_load: error loading model: unable to allocate CUDA0 buffer", ExitClass.OUT_OF_MEMORY),
    (1, "ggml_vulkan: Device memory allocation of size 1073741824 failed.", ExitClass.OUT_OF_MEMORY),
    (-6, "vk::Device::allocateMemory: ErrorOutOfDeviceMemory", ExitClass.OUT_OF_MEMORY),
    (1, "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected", ExitClass.DRIVER),
    (1, "CUDA driver version is insufficient for CUDA runtime version", ExitClass.DRIVER),
    (-6, "CUDA error: no kernel image is available for execution on the device", ExitClass.DRIVER),
    (
        127,
        "llama-server: error while loading shared libraries: libcuda.so.1: cannot open shared object file",
        ExitClass.DRIVER,
    ),
    (
        127,
        "llama-server: error while loading shared libraries: libllama.so: cannot open shared object file",
        ExitClass.MISSING_FILE,
    ),
]


@pytest.mark.parametrize(("status", "line", "meaning"), RECORDED + FROM_SOURCES)
def test_a_line_gives_the_exit_class(status: int, line: str, meaning: ExitClass) -> None:
    """Each line alone, between harmless ones, is enough."""
    assert meaning == classify(status, ("srv  llama_server: initializing ...", line, "cleaning up before exit..."))


def test_a_kill_without_a_line_about_memory_is_unknown() -> None:
    """The kernel and the owner send the same signal 9, and a stale complaint about a driver proves nothing."""
    assert ExitClass.UNKNOWN == classify(-9, ("srv: listening on http://127.0.0.1:1",))
    assert ExitClass.UNKNOWN == classify(-9, ("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device",))


def test_a_kill_after_a_failed_allocation_is_out_of_memory() -> None:
    """The log decides what signal 9 meant."""
    assert ExitClass.OUT_OF_MEMORY == classify(-9, ("ggml: failed to allocate CPU buffer of size 7",))


def test_a_missing_driver_is_blamed_last() -> None:
    """A build for GPUs continues without one, so the file that it then misses is the reason."""
    tail = (
        "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",
        "gguf_init_from_file: failed to open GGUF file '/nope.gguf' (No such file or directory)",
    )
    assert ExitClass.MISSING_FILE == classify(1, tail)


def test_a_clean_exit_is_no_fault() -> None:
    """Status 0 has no cause to look for, whatever the log holds."""
    assert ExitClass.UNKNOWN == classify(0, ("CUDA error: out of memory",))


def test_an_engine_without_a_line_is_unknown() -> None:
    """No log, no guess."""
    assert ExitClass.UNKNOWN == classify(1, ())


GDB = (
    "/src/ggml/src/ggml.c:3242: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed",
    "[New LWP 4242]",
    'Using host libthread_db library "/lib/x86_64-linux-gnu/libthread_db.so.1".',
    "warning: 56\t../sysdeps/unix/sysv/linux/x86_64/clone3.S: No such file or directory",
    "0x00007f1c in __GI___wait4 (pid=4243) at ../sysdeps/unix/sysv/linux/wait4.c:30",
    "30\t../sysdeps/unix/sysv/linux/wait4.c: No such file or directory.",
    "#1  0x00007f1d in ggml_print_backtrace () from libggml-base.so",
    "#2  0x00007f1e in llama_model_loader::load_all_data (out of memory = false)",
    "[Inferior 1 (process 4242) detached]",
)


def test_what_a_debugger_says_is_no_reason() -> None:
    """A failed assertion is not a missing file because its backtrace lacks sources; what the engine said itself counts."""
    assert ExitClass.UNKNOWN is classify(-6, GDB)
    assert ExitClass.UNKNOWN is classify(-6, (GDB[0], "sh: gdb: not found", "lldb: No such file or directory"))
    own = "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory"
    assert ExitClass.OUT_OF_MEMORY is classify(-6, (own, *GDB))
