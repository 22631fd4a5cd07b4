"""A command line is tried on the build that it is for, without loading anything."""

import shutil
import sys
import time
from pathlib import Path

import psutil
import pytest
import structlog

from hostd.backends.llamacpp import flags as llamacpp_flags
from hostd.backends.llamacpp.build import LAUNCHER, stamp
from hostd.backends.llamacpp.flags import KnownFlags
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass

WHEEL = (sys.executable, "-P", "-u", str(LAUNCHER))
SERVER = shutil.which("llama-server")
BUILDS = [
    WHEEL,
    pytest.param(
        (SERVER or "",), marks=pytest.mark.skipif(SERVER is None, reason="llama-server is not on PATH"), id="server"
    ),
]
OLD = """#!/bin/sh
echo asked >> "$0.log"
for word in "$@"; do case $word in --device|--metrics) echo "error: invalid argument: $word" >&2; exit 1;; esac; done
"""


@pytest.fixture
def old(tmp_path: Path) -> tuple[str, ...]:
    """A build that knows neither --device nor --metrics, and notes each question."""
    path = tmp_path / "llama-server"
    path.write_text(OLD)
    path.chmod(0o755)
    return (str(path),)


@pytest.mark.parametrize("program", BUILDS)
def test_a_real_build_understands_hostds_flags(program: tuple[str, ...]) -> None:
    """The build rejects it at once; the second time it is not asked."""
    flags, words = KnownFlags(), ("-m", "/m.gguf", "-np", "2", "--metrics", "-ngl", "0", "--device", "none")
    began = time.monotonic()
    flags.check(program, words, {}, ())
    assert time.monotonic() - began < 10  # 10 to 40 ms on an idle machine
    again = []
    for _ in range(5):
        began = time.monotonic()
        flags.check(program, words, {}, ())
        again.append(time.monotonic() - began)
    assert min(again) < 0.005
    assert words == flags.known(program, words)


@pytest.mark.parametrize("program", BUILDS)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bogus", "3"), "error: invalid argument: --bogus"),
        (("--cache-type-k", "q9"), 'error while handling argument "--cache-type-k": Unsupported cache type: q9'),
    ],
)
def test_the_owners_flags_are_refused_in_the_engines_words(
    program: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    """Each time it is asked."""
    flags = KnownFlags()
    for _ in range(2):
        with pytest.raises(EngineError) as raised:
            flags.check(program, ("-m", "/m.gguf", *words), {}, words)
        assert ExitClass.BAD_FLAG == raised.value.exit_class
        assert f"the engine does not understand its flags: {said}; correct the profile's args" == raised.value.message


def test_what_an_old_build_does_not_know_is_left_out(old: tuple[str, ...]) -> None:
    """With a warning for each, and without asking again for another model."""
    flags, words = KnownFlags(), ("-m", "/m.gguf", "--metrics", "-ngl", "0", "--device", "none", "-c", "1")
    with structlog.testing.capture_logs() as logs:
        flags.check(old, words, {}, ())
        flags.check(old, words, {}, ())
        flags.check(old, (*words, "-b", "1"), {}, ())
    assert ["--metrics", "--device"] == [each["flag"] for each in logs]
    assert ("-m", "/m.gguf", "-ngl", "0", "-c", "1") == flags.known(old, words)
    assert 4 == len(Path(f"{old[0]}.log").read_text().splitlines())


def test_a_flag_of_the_owners_is_never_left_out(old: tuple[str, ...]) -> None:
    """Also one that hostd could do without."""
    with pytest.raises(EngineError, match="invalid argument: --device"):
        KnownFlags().check(old, ("--device", "Vulkan0"), {}, ("--device", "Vulkan0"))


def test_a_new_build_is_asked_anew(old: tuple[str, ...]) -> None:
    """What the old one did not know, the new one may."""
    flags, words, path = KnownFlags(), ("--metrics",), Path(old[0])
    flags.check(old, words, {}, ())
    before = stamp(old)
    path.write_text("#!/bin/sh\n")
    assert before != stamp(old)
    flags.check(old, words, {}, ())
    assert words == flags.known(old, words)


def test_a_program_that_cannot_be_asked_is_trusted(tmp_path: Path) -> None:
    """Its start will tell."""
    for program in ((str(tmp_path / "none"),), ("/bin/false",)):
        flags = KnownFlags()
        flags.check(program, ("--bogus",), {}, ("--bogus",))
        assert ("--bogus",) == flags.known(program, ("--bogus",))


def test_a_program_that_is_not_known_to_answer_is_not_asked(old: tuple[str, ...]) -> None:
    """A script of the owner's might just begin to serve."""
    wrapper = Path(old[0]).rename(Path(old[0]).with_name("serve-models"))
    KnownFlags().check((str(wrapper),), ("--metrics",), {}, ())
    assert not Path(f"{wrapper}.log").exists()


def test_a_program_that_serves_instead_is_ended_and_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything that it has started."""
    monkeypatch.setattr(llamacpp_flags, "_PATIENCE", 0.3)
    path = tmp_path / "llama-server"
    path.write_text('#!/bin/sh\necho $$ >> "$0.log"\nsleep 60 &\necho $! >> "$0.log"\nwait\n')
    path.chmod(0o755)
    flags = KnownFlags()
    for words in (("--metrics",), ("--bogus",)):
        flags.check((str(path),), words, {}, ())
    pids = [int(line) for line in Path(f"{path}.log").read_text().split()]
    assert 2 == len(pids)
    gone = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5.0)[1]
    assert [] == gone
