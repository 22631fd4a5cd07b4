"""``hostd.gateway.reloading``: files read anew over HTTP, by a daemon that serves meanwhile."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.conftest import OpenDaemon
from tests.stage import make_profile, make_settings

ROUTE = "/hostd/v1/reload"
NEW = "{name: new, variants: [{backend: llamacpp, path: %s}], warm: {preload: false}}"


async def test_puts_files_in_force_or_says_what_is_wrong_with_them(
    open_daemon: OpenDaemon, weights: Path, tmp_path: Path
) -> None:
    """A dry run changes nothing; a new model answers at once; mistakes are a 422 with places, and change nothing."""
    file, models = tmp_path / "hostd.yaml", tmp_path / "model_profiles"
    models.mkdir()

    def write(text: str) -> None:
        (models / "new.yaml").write_text(NEW % weights)
        file.write_text(text)

    await asyncio.to_thread(write, "memory: {reserve: {ram: 5GiB}}")
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
        assert ("now", "restart") == (changes["memory.reserve.ram"], changes["server.listen"])
        assert 200 == (await stage.ask("old")).status
        assert (await stage.send("POST", ROUTE)).json["applied"]
        assert [200, 404] == [(await stage.ask(name)).status for name in ("new", "old")]
        await asyncio.to_thread(write, "memory:\n  reserv: 1\n")
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
