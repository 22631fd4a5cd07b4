"""``hostd.gateway.reloading``: files read anew over HTTP, by a daemon that serves meanwhile."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import OpenDaemon
from tests.stage import ENGINE, make_profile, make_settings

ROUTE = "/hostd/v1/reload"
HERE = f"server: {{listen: '127.0.0.1:0'}}\nbackends: {{llamacpp: {{command: {json.dumps(ENGINE)}}}}}\n"
NEW = "{name: new, variants: [{backend: llamacpp, path: %s}], warm: {preload: false}}"


@pytest.mark.slow
async def test_puts_files_in_force_or_says_what_is_wrong_with_them(
    open_daemon: OpenDaemon, weights: Path, tmp_path: Path
) -> None:
    """A dry run changes nothing; a new model answers at once; mistakes are a 422 with places, and change nothing."""
    file, models = tmp_path / "hostd.yaml", tmp_path / "model_profiles"
    models.mkdir()

    def write(text: str) -> None:
        (models / "new.yaml").write_text(NEW % weights)
        file.write_text(text)

    await asyncio.to_thread(write, f"memory: {{reserve: {{ram: 5GiB}}}}\n{HERE}")
    settings = replace(make_settings(make_profile("old", weights)), source=str(file))
    async with open_daemon(settings) as stage:
        told = (await stage.send("POST", f"{ROUTE}?dry_run=1")).json
        assert (False, ["new"], ["old"], str(file)) == (
            told["applied"],
            told["added"],
            told["removed"],
            told["source"],
        )
        changes = {each["key"]: each["takes"] for each in told["changes"]}
        assert {"memory.reserve.ram": "now"} == changes
        assert 200 == (await stage.ask("old")).status
        assert (await stage.send("POST", ROUTE)).json["applied"]
        assert [200, 404] == [(await stage.ask(name)).status for name in ("new", "old")]
        await asyncio.to_thread(write, f"memory:\n  reserv: 1\n{HERE}")
        refused = await stage.send("POST", ROUTE)
        (problem,) = refused.error["problems"]
        assert (422, "bad_config", str(file), 2, 3) == (
            refused.status,
            refused.error["code"],
            problem["file"],
            problem["line"],
            problem["column"],
        )
        assert 200 == (await stage.ask("new")).status
