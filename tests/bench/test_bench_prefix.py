"""The benchmark of conversations runs, and says what it has measured; how fast anything is, it says nothing of here."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench-prefix"


@pytest.mark.slow
def test_it_measures_all_cases() -> None:
    """Slots, a swap and a restart, each with saving on and off; what was saved is reused, and nothing else is."""
    if importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("gguf") is None:
        pytest.skip("it needs xllamacpp and gguf")
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), "--tokens", "900"], capture_output=True, text=True, timeout=540, check=False
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    shares = {name: list[float]() for name in ("llama-server", "on", "off")}
    for name, share in re.findall(r"(llama-server|on|off) .* ([\d.]+)% of", ran.stdout):
        shares[name].append(float(share))
    assert [1, 3, 3] == [len(found) for found in shares.values()]
    assert shares["on"][0] > shares["off"][0] + 10, ran.stdout
    assert all(share > 80 for share in shares["on"][1:]), ran.stdout
    assert all(share < 20 for share in shares["off"][1:]), ran.stdout
