"""What a llama-server may keep of past prompts is what the ledger has set aside for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.backends.llamacpp.serving_config import profile_serving
from hostd.domain.profile import Flag, Profile, Variant
from hostd.models.local import open_path
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_kv import checkpoint
from hostd.planning.footprint.llamacpp_serving import Placement
from hostd.planning.warm_set.elastic import with_shares
from hostd.planning.warm_set.load_option import LoadOption

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with recurrent layers, of whose states checkpoints are kept."""
    path = tmp_path_factory.mktemp("hybrid") / "hybrid.gguf"
    code = (
        "import sys, pathlib; from demo_models.drafting_model import write_drafting as w; w(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
    return path


def granted(profile: Profile, left: int) -> tuple[LoadOption, int, int]:
    """Return how *profile* is loaded beside *left* free bytes, what it needs without shares, and the bytes of a checkpoint."""
    header = open_path(Path(str(profile.variants[0].path)))
    serving = profile_serving(profile, header.path)
    taken = footprint(header.shape, serving, Placement())
    needs = taken.pool("ram").high
    option = with_shares(LoadOption(0, "m", needs={"ram": needs}, elastic=taken.elastic), {"ram": left})
    return option, needs, checkpoint(header.shape, serving)


@pytest.mark.parametrize("left", [0, 100 << 20, 3 << 30, 64 << 30])
@pytest.mark.parametrize("slots", [1, 4])
def test_the_variables_come_to_the_bytes_that_are_reserved(hybrid: Path, left: int, slots: int) -> None:
    """To the last one, for the cache of prompts and for checkpoints together; no more than half of what is left."""
    profile = Profile("tiny", (Variant("llamacpp", path=str(hybrid)),), context=4096, slots=slots)
    option, needs, one = granted(profile, left)
    env = LlamaCpp((sys.executable,)).launch(profile, profile.variants[0], option, 8080, "key").env
    prompts, states = int(env["LLAMA_ARG_CACHE_RAM"]) << 20, int(env["LLAMA_ARG_CTX_CHECKPOINTS"])
    assert prompts + states * slots * one == option.share_bytes["ram"] <= left // 2
    assert option.needs["ram"] == needs + option.share_bytes["ram"]
    assert (left > 0) is (prompts > 0) is (states > 0)


@pytest.mark.parametrize("args", [{"cache-ram": 64}, {"ctx-checkpoints": 3}, {"cache-ram": 64, "ctx-checkpoints": 3}])
def test_the_owners_own_bounds_are_needs(hybrid: Path, args: dict[str, Flag]) -> None:
    """They are counted in full, and no share of the ledger's takes their place."""
    profile = Profile("tiny", (Variant("llamacpp", path=str(hybrid)),), context=4096, slots=2, args=args)
    plain = Profile("tiny", profile.variants, context=4096, slots=2)
    option, needs, one = granted(profile, 1 << 30)
    _, without, _ = granted(plain, 1 << 30)
    fixed = (int(args.get("cache-ram", 0)) << 20) + int(args.get("ctx-checkpoints", 0)) * 2 * one
    assert needs - without == fixed
    assert args.keys().isdisjoint(option.shares or {})
    argv = LlamaCpp((sys.executable,)).launch(profile, profile.variants[0], option, 8080, "key").argv
    assert all(str(value) == argv[argv.index(f"--{flag}") + 1] for flag, value in args.items())
