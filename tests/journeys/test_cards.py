"""A card that vanishes: the host says that it is degraded, wherever one looks, and its models do not move to the processor."""

import json
from pathlib import Path

from tests.hardware.fake_driver import build
from tests.journeys.host import profile, run, started, until, write_files

HEAD = "driver 580.95.05\ncuda 13000\n"
CARD = "gpu NVIDIA GeForce RTX 4090;GPU-1111;00000000:01:00.0;24564;364;1024;8.9\n"
LOST = "fail nvmlDeviceGetMemoryInfo 15 0\n"


def test_a_card_vanishes_and_comes_back(tmp_path: Path) -> None:
    """`/readyz`, `ps` and the doctor say it; a load on the card is refused with the reason, and the fallback answers."""
    gpus = tmp_path / "gpus.txt"
    gpus.write_text(HEAD + CARD)
    (tmp_path / "driver").mkdir()
    fake = {"LD_LIBRARY_PATH": build(tmp_path / "driver"), "FAKE_NVML": str(gpus)}
    on_card = profile("on-card", warm={"preload": False}, fallback=["spare"])
    spare = profile("spare", args={"threads": 1, "device": "none"})
    config = write_files(tmp_path, on_card, spare)
    with started(tmp_path, "--config", str(config), environment=fake) as host:
        until(lambda: host.get("/readyz").status == 200)
        assert ("ready", []) == tuple(host.get("/readyz").json[key] for key in ("status", "troubles"))
        assert "on-card" == host.chat("on-card").headers["x-hostd-model"]
        host.post("/hostd/v1/models/on-card/unload")

        gpus.write_text(HEAD + CARD + LOST)
        until(lambda: host.get("/readyz").json["status"] == "degraded")
        (trouble,) = host.get("/readyz").json["troubles"]
        assert trouble.startswith("cuda:0 (NVIDIA GeForce RTX 4090) ")
        assert "degraded: cuda:0" in host.cli("ps").stderr
        answer = host.chat("on-card")
        assert ("spare", "fallback:load_failed") == (answer.headers["x-hostd-model"], answer.headers["x-hostd-route"])
        assert trouble in host.row("on-card")["last_error"]
        assert None is host.row("on-card")["pid"]
        examined = run(host.environment | fake, "doctor", "--json", "--timeout", "20")
        graphics = [each for each in json.loads(examined.stdout)["findings"] if each["check"] == "graphics"]
        assert "fail" in {each["status"] for each in graphics}
        assert any("is degraded" in each["what"] for each in graphics)

        gpus.write_text(HEAD + CARD)
        until(lambda: host.get("/readyz").json["status"] == "ready")
        assert "on-card" == host.chat("on-card").headers["x-hostd-model"]
    told = host.output.read_text()
    assert "host_degraded" in told
    assert "host_recovered" in told
