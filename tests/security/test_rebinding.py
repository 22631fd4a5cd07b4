"""A hostile page in a real browser; without one these tests are left out by name."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.security.conftest import Target
from tests.security.rebinding import BROWSER, KINDS, PAGE, Relay, page, relay, shown_by

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium: apt install chromium")]
LEARNED_NOTHING = {"error", "silence", "opaque 0 ", "TypeError: Failed to fetch"}
"""What a page gets to know where it is refused: that it failed, or no more than that something came."""


def _met(by: Relay) -> dict[str, list[int]]:
    """Return the statuses that each kind of request was answered with."""
    found: dict[str, list[int]] = {}
    for asked, status in by.met:
        for kind in parse_qs(urlsplit(asked.partition(" ")[2]).query).get("kind", ()):
            found.setdefault(kind, []).append(status)
    return found


def test_a_rebound_name_reaches_nothing_in_a_browser(target: Target, tmp_path: Path) -> None:
    """R1, CVE-2024-28224 (Ollama).

    The page's own name leads to the daemon, so that nothing it asks crosses an origin and the browser lets it read all. In
    fifteen ways of asking, forms, sockets and events among them, it is answered 403 and learns that only.
    """
    with relay(target.address) as evil:
        base = f"http://evil.test:{evil.port}"
        evil.page = page(base)
        learned = shown_by(base + PAGE, tmp_path)
    met = _met(evil)
    assert set(met) == KINDS == set(learned)
    assert {kind: {403} for kind in met} == {kind: set(statuses) for kind, statuses in met.items()}
    assert [] == [kind for kind, said in learned.items() if "200" in said or said == "open"]


def test_a_page_elsewhere_reaches_nothing_in_a_browser(target: Target, tmp_path: Path) -> None:
    """R2, CVE-2026-2611 (MLflow) and CVE-2026-25253 (OpenClaw): a page of another site asks 127.0.0.1 itself.

    Whatever the browser sends of it is answered 403, a preflight too, and the page can read none of it.
    """
    with relay(target.address) as evil, relay(target.address) as local:
        evil.page = page(f"http://127.0.0.1:{local.port}")
        learned = shown_by(f"http://evil.test:{evil.port}{PAGE}", tmp_path)
    met = _met(local)
    assert set(met) == KINDS == set(learned)
    assert {kind: {403} for kind in met} == {kind: set(statuses) for kind, statuses in met.items()}
    blind = {"beacon", "picture", "frame", "text-form", "form"}
    assert {} == {kind: said for kind, said in learned.items() if kind not in blind and said not in LEARNED_NOTHING}
    assert "200" not in repr(learned)


def test_a_page_of_this_machine_is_served(target: Target, tmp_path: Path) -> None:
    """R1: what the two tests before see is the check: under a name of this machine's the same page reads what it asks for."""
    with relay(target.address) as local:
        base = f"http://localhost:{local.port}"
        local.page = page(base)
        learned = shown_by(base + PAGE, tmp_path)
    assert learned["get"].startswith("basic 200 {")
    assert learned["post"].startswith("basic 200 {")
    assert {200} == set(_met(local)["blind-post"])
