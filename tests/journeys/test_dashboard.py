"""The dashboard in a real Chromium, before a real daemon with real engines; without a browser these tests are left out by name."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hostd.domain.client_key import ClientKey
from hostd.domain.principal import KeyScope
from hostd.key_file import KeyFile, digest_of, new_key
from tests.journeys.browser import Page, browsing
from tests.journeys.host import Host, profile, serving
from tests.security.rebinding import BROWSER

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="no chromium: apt install chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]
ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / ".screenshots"
AXE = ROOT / ".axe/node_modules/axe-core/axe.min.js"
VIEWS = ("overview", "requests", "cost", "planner", "playground", "logs")
HOSTILE = "<img src=x onerror=alert(1)>"
DESKTOP, PHONE = (1440, 900), (360, 740)


def long(tokens: int = 1200) -> dict[str, Any]:
    """Return what makes a demonstration model write on for about a second."""
    return {"max_tokens": tokens, "ignore_eos": True}


def set_value(selector: str, value: str, event: str) -> str:
    """Return a script that gives a field a value, as a person's hand at a slider or a list would."""
    field = f"document.querySelector({json.dumps(selector)})"
    return f"{field}.value = {json.dumps(value)}, {field}.dispatchEvent(new Event({json.dumps(event)}))"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model that answers one request at a time, one that it gives way to, and one that is not loaded."""
    hasty = {"max_concurrent": 1, "max_queue": 8}
    profiles = (
        profile("narrow", slots=1, limits=hasty | {"queue_timeout": "30s"}),
        profile("hasty", slots=1, limits=hasty | {"queue_timeout": "200ms"}, fallback=["wide"]),
        profile("wide", slots=8, limits={"max_concurrent": 8}),
        profile("resting", "tiny-story.gguf", warm={"preload": False}),
    )
    with serving(tmp_path_factory.mktemp("dashboard"), *profiles, roles={"helper": ["hasty", "wide"]}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """One browser for all tests of this module."""
    async with browsing(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Page, host: Host) -> AsyncIterator[Page]:
    """The dashboard's overview on a desk; in the end, nothing may have gone wrong, and nothing been asked of another machine."""
    browser.errors.clear()
    browser.asked.clear()
    await browser.look(*DESKTOP, "dark")
    await browser.go("about:blank")
    await browser.go(f"{host.url}/")
    await browser.until('document.querySelector(\'tr[data-model="wide"] [data-state="ready"]\')')
    yield browser
    assert [] == browser.errors
    assert [] == [url for url in browser.asked if not url.startswith((host.url, "about:"))]


@asynccontextmanager
async def asking(host: Host, model: str, count: int, **more: Any) -> AsyncIterator[None]:
    """Ask *model* *count* things at once; the block ends when all are answered."""
    asked = [
        asyncio.create_task(asyncio.to_thread(host.chat, model, f"Number {each}", **more)) for each in range(count)
    ]
    yield
    assert {200} == {each.status for each in await asyncio.gather(*asked)}


async def test_a_click_loads_and_unloads(page: Page, host: Host) -> None:
    """The button loads the model and becomes the one that unloads it; memory is promised and comes back. Pinned, it stays."""
    row = 'tr[data-model="resting"]'
    held = (
        "[...document.querySelectorAll('.holders [data-part=\"model\"]')].some(each => each.textContent === 'resting')"
    )
    assert "cold" == await page.until(f"document.querySelector('{row} [data-part=state]').dataset.state")
    room = "parseFloat(document.querySelector('[data-part=seg-room]').dataset.width)"
    before = await page.until(room)
    await page.click(f"{row} button[data-act=load]")
    await page.until(f"document.querySelector('{row} [data-state=ready]')")
    await page.until(held)
    loaded = await page.until(f"{room} < {before} - 0.02 && {room}")
    assert "ready" == host.row("resting")["state"]
    await page.until("document.querySelector('.decisions').textContent.includes(\"'resting' is ready\")")
    await page.click(f"{row} button.pin")
    await page.until(f"document.querySelector('{row} .pin').getAttribute('aria-pressed') === 'true'")
    assert "pinned" == await page.until(f"document.querySelector('{row} [data-part=unloads]').textContent")
    assert host.row("resting")["unloads_at"] is None
    await page.click(f"{row} button.pin")
    await page.until(f"document.querySelector('{row} .pin').getAttribute('aria-pressed') === 'false'")
    await page.click(f"{row} button[data-act=unload]")
    await page.until(f"document.querySelector('{row} [data-state=cold]')")
    await page.until(f"!({held})")
    await page.until(f"{room} > {loaded} + 0.02")
    assert "cold" == host.row("resting")["state"]


async def test_a_queue_fills_and_empties(page: Page, host: Host) -> None:
    """Places and expected waits stand with those that wait, slots and bars move, and in the end all of it is over."""
    await asyncio.to_thread(host.chat, "narrow", **long(200))
    waiting = "[...document.querySelectorAll('.live [data-state=waiting]')].map(each => each.textContent)"
    taken = "document.querySelectorAll('tr[data-model=narrow] .slots .on').length"
    async with asking(host, "narrow", 8, **long(1900)):
        places = await page.until(f"{waiting}.length >= 4 && {taken} === 1 && {waiting}")
        assert [f"waits, place {place}" for place in range(1, len(places) + 1)] == places
        expected = (
            "[...document.querySelectorAll('.live [data-part=wait]')].some(each => / m?s$/.test(each.textContent))"
        )
        assert await page.until(expected)
        await page.until("document.querySelector('.chart .wait').getAttribute('d').length > 20")
        await page.screenshot(SCREENSHOTS / "queue.png")
        await page.until(f"{waiting}.length < {len(places)}")
    await page.until(f"!document.querySelector('.live tbody tr') && document.querySelector('.live').hidden && !{taken}")
    assert await page.until("document.querySelectorAll('.past tbody tr').length >= 8")


async def test_a_fallback_appears_with_its_reason(page: Page, host: Host) -> None:
    """Asked of one model and answered by another: both names, and why; one click further, the decisions that led to it."""
    async with asking(host, "hasty", 3, **long()):
        pass
    await page.until(
        "[...document.querySelectorAll('.past tr')].some(each => each.textContent.includes('hasty → wide'))"
    )
    row = "[...document.querySelectorAll('.past tr')].find(each => each.textContent.includes('hasty → wide'))"
    assert "fallback: queue timeout" == await page.evaluate(f"{row}.querySelector('.route').textContent")
    await page.evaluate(f"{row}.querySelector('a').click()")
    assert await page.until(
        "document.querySelector('.decisions li.moved')?.textContent.includes(\"from 'hasty' to 'wide'\")"
    )
    await page.screenshot(SCREENSHOTS / "fallback.png")


async def test_the_planner_answers(page: Page) -> None:
    """For a declared model, and for more context by the slider: bytes by component, and what would save some."""
    await page.press("4")
    await page.type("input[name=model]", "wide")
    weights = "[...document.querySelectorAll('.card[aria-label=\"wide\"] .legend div')].map(each => each.textContent)"
    told = await page.until(
        f"document.querySelector('.card[aria-label=\"wide\"]') && {weights}.length > 2 && {weights}"
    )
    assert any("weights" in each for each in told)
    kv = f"{weights}.find(each => each.startsWith('KV cache'))"
    before = await page.evaluate(kv)
    await page.evaluate(set_value("[name=context]", "8", "input"))
    await page.until(f"{kv} && {kv} !== {json.dumps(before)}")
    assert "131,072 tokens" == await page.evaluate(
        "document.querySelector('[name=context]').getAttribute('aria-valuetext')"
    )
    await page.type("input[name=model]", "size:72B/q4_k_m")
    await page.evaluate(set_value("[name=machine]", "rtx4090", "change"))
    await page.until("document.querySelector('.card[aria-label^=size] .levers li')")
    await page.screenshot(SCREENSHOTS / "planner.png")


async def test_the_playground_says_who_answered(page: Page) -> None:
    """The answer as it is written, then the model, the route and the decision."""
    await page.press("5")
    await page.until("document.querySelector('select[name=model]').options.length >= 4")
    await page.evaluate(set_value("select[name=model]", "helper", "change"))
    await page.type("textarea", "Hello, who are you?")
    await page.press("Enter")
    assert "Tiny Chat" in await page.until("document.querySelector('.said.assistant:not([aria-busy])')?.textContent")
    facts = await page.until(
        "document.querySelector('.facts')?.innerText.includes('tokens') && document.querySelector('.facts').innerText"
    )
    assert {"answered by", "hasty", "route", "primary", "llamacpp"} <= set(facts.splitlines())
    await page.until("document.querySelector('.decisions')?.textContent.includes(\"'hasty' answers\")")
    await page.screenshot(SCREENSHOTS / "playground.png")


async def test_logs_and_cost_are_shown(page: Page, host: Host) -> None:
    """What an engine has written, and only the lines with a word; and what the requests came to."""
    await asyncio.to_thread(host.chat, "wide")
    await page.press("6")
    await page.until("document.querySelector('.log').textContent.length > 200")
    lines = "document.querySelector('.log').textContent.split('\\n')"
    word = (await page.evaluate(lines))[3].split()[-1]
    await page.type("input[type=search]", word)
    assert await page.until(f"{lines}.every(line => line.includes({json.dumps(word)}))")
    await page.evaluate("location.hash = '#/cost'")
    assert await page.until("document.querySelectorAll('[aria-label=\"By model\"] tbody tr').length > 0")
    assert "100.0 %" in await page.until("document.querySelector('.facts')?.innerText")


async def test_single_keys_can_be_turned_off(page: Page) -> None:
    """They are told of behind a button, and do nothing any more for who types them without meaning to."""
    await page.press("3")
    await page.until("location.hash === '#/cost'")
    await page.click("#keys-button")
    assert "Playground" in await page.until(
        "document.querySelector('#keys').open && document.querySelector('#keys-list').innerText"
    )
    await page.click("#keys-on")
    await page.press("Escape")
    await page.evaluate("document.querySelector('#keys').close()")
    await page.press("1")
    assert "#/cost" == await page.evaluate("new Promise(end => setTimeout(() => end(location.hash), 100))")
    await page.click("#keys-button")
    await page.click("#keys-on")
    await page.evaluate("document.querySelector('#keys').close()")
    await page.press("1")
    await page.until("location.hash === '#/overview'")


async def test_hostile_text_stays_text(page: Page, host: Host) -> None:
    """R25, GHSA-ghx4-cgxw-7h9p (LocalAI, XSS): a client's name that would be markup is shown as it is."""
    body = {"model": "wide", "messages": [{"role": "user", "content": HOSTILE}], "max_tokens": 4}
    answered = await asyncio.to_thread(host.post, "/v1/chat/completions", body, {"x-hostd-client": HOSTILE})
    assert 200 == answered.status
    await page.press("2")
    assert await page.until(
        f"[...document.querySelectorAll('.past td')].some(each => each.textContent === {json.dumps(HOSTILE)})"
    )
    assert 0 == await page.evaluate("document.querySelectorAll('main img').length")


async def test_it_comes_back_to_the_daemon(page: Page, host: Host) -> None:
    """A tab that was not seen follows nothing; seen again, it knows what it has missed, once."""
    count = "document.querySelectorAll('.past tbody tr').length"
    await asyncio.to_thread(host.chat, "wide")
    await page.press("2")
    await page.until(f"{count} > 0")
    streams = len([url for url in page.asked if "/events" in url])
    await page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true}),"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    await page.until("document.querySelector('#link').textContent === 'connecting'", 15)
    missed = await asyncio.to_thread(host.chat, "wide")
    await page.evaluate("delete document.visibilityState, document.dispatchEvent(new Event('visibilitychange'))")
    seen = missed.headers["x-request-id"]
    shown = f"[...document.querySelectorAll('.past a')].filter(each => each.textContent === '{seen}').length"
    assert 1 == await page.until(shown)
    assert streams + 1 == len([url for url in page.asked if "/events" in url])


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core: scripts/axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_used_without_sight_or_a_pointer(page: Page, host: Host, scheme: str) -> None:
    """axe-core finds nothing against WCAG 2.2 AA and its own best practices, on a desk and on a telephone."""
    await page.evaluate(AXE.read_text("utf-8") + "; true")
    for size, views in ((DESKTOP, VIEWS), (PHONE, VIEWS[:2])):
        await page.look(*size, scheme)
        for view in views:
            await page.evaluate(f"location.hash = '#/{view}'")
            await page.until(
                f"document.querySelector('[aria-current]').dataset.view === '{view}' && document.querySelector('.card')"
            )
            if view == "planner":
                await page.until("document.querySelector('.why')")
            said = await page.evaluate("axe.run(document)")
            assert len(said["passes"]) > 15, "it has looked at nothing"
            found = said["violations"]
            brief = [(each["id"], each["help"], [node["html"][:160] for node in each["nodes"]]) for each in found]
            assert [] == brief, f"{view}, {size[0]} wide, {scheme}"
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size[0], f"{view} is {wide} wide"
        await page.screenshot(SCREENSHOTS / f"{scheme}-{size[0]}.png")


async def test_a_key_is_asked_for(browser: Page, tmp_path: Path) -> None:
    """Where the daemon wants one: a wrong one is asked for again, the right one opens everything, and no other tab has it."""
    text = new_key()
    file = tmp_path / "keys.yaml"
    KeyFile(file).write([ClientKey("page", digest_of(text), 0.0, scope=KeyScope.ADMIN)])
    browser.errors.clear()
    with serving(tmp_path, profile("chat"), keys={"file": str(file)}) as guarded:
        await browser.go(f"{guarded.url}/")
        await browser.until("document.querySelector('#key').open")
        for given, opens in (("wrong", False), (text, True)):
            await browser.type("#key-field", given)
            await browser.press("Enter")
            await browser.until(f"document.querySelector('#key').open === {str(not opens).lower()}")
        await browser.until("document.querySelector('tr[data-model=\"chat\"]')")
        await browser.go("about:blank")
    # Of each refusal the browser writes a line; there is nothing else.
    assert all("401" in each for each in browser.errors)
