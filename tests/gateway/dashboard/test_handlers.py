"""The page and its files as they are sent."""

import gzip
from pathlib import Path

import pytest

from hostd.domain.server_settings import ServerSettings
from hostd.gateway.dashboard.page_files import page_files
from tests.conftest import OpenDaemon
from tests.stage import COLD, Stage, make_profile, make_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


async def test_browsers_get_the_page(stage: Stage) -> None:
    """Who asks for a page gets it; programs that only try whether something is there are told so, as before there was one."""
    page = await stage.get("/", Accept=BROWSER)
    assert (200, page_files()["index.html"].body) == (page.status, page.body)
    for headers in ({}, {"Accept": "*/*"}):
        assert b"hostd is running\n" == (await stage.get("/", **headers)).body


async def test_runs_nothing_but_its_own_files(stage: Stage) -> None:
    """R25, GHSA-ghx4-cgxw-7h9p (LocalAI, XSS): the page loads nothing from elsewhere and runs nothing inline; no other shows it."""
    for path in ("/", "/dashboard/app.js"):
        sent = (await stage.get(path, Accept=BROWSER)).headers
        policy = dict(each.strip().split(" ", 1) for each in sent["Content-Security-Policy"].split(";"))
        assert {"'none'"} == {policy[each] for each in ("default-src", "base-uri", "form-action", "frame-ancestors")}
        assert {"'self'"} == {policy[each] for each in ("script-src", "style-src", "connect-src", "img-src")}
        assert ("nosniff", "no-referrer") == (sent["X-Content-Type-Options"], sent["Referrer-Policy"])


async def test_files_are_sent_once(stage: Stage) -> None:
    """Packed for who can unpack it; who has it already is told that it is still right."""
    file = page_files()["app.js"]
    plain = await stage.get("/dashboard/app.js", Accept_Encoding="identity")
    assert (file.body, file.etag) == (plain.body, plain.headers["ETag"])
    packed = await stage.send("GET", "/dashboard/app.js", headers={"Accept-Encoding": "gzip"})
    assert "gzip" == packed.headers["Content-Encoding"]
    assert file.body in (packed.body, gzip.decompress(file.packed))
    again = await stage.send("GET", "/dashboard/app.js", headers={"If-None-Match": file.etag})
    assert (304, b"") == (again.status, again.body)


@pytest.mark.parametrize("name", ["nothing.js", "../handlers.py", "%2e%2e/handlers.py", "files/app.js"])
async def test_there_are_no_other_files(stage: Stage, name: str) -> None:
    """Names are looked up, and never followed."""
    answer = await stage.get(f"/dashboard/{name}")
    assert (404, "no_such_route") == (answer.status, answer.error["code"])


async def test_it_stands_below_a_prefix(open_daemon: OpenDaemon, weights: Path) -> None:
    """A proxy's path without its slash leads to the one with it, where the page finds its files beside it."""
    settings = make_settings(make_profile("one", weights, warm=COLD), server=ServerSettings(prefix="/llm"))
    async with open_daemon(settings) as stage:
        moved = await stage.send("GET", "/llm", headers={"Accept": BROWSER}, allow_redirects=False)
        assert (307, "llm/") == (moved.status, moved.headers["Location"])
        for path in ("/llm/", "/llm/dashboard/app.js", "/dashboard/app.js"):
            assert 200 == (await stage.send("GET", path, headers={"Accept": BROWSER})).status, path
