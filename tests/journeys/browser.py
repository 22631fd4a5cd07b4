"""A real Chromium that is driven as its user would: what it shows, what is clicked and typed, and what it asks of whom.

It speaks Chromium's own protocol (https://chromedevtools.github.io/devtools-protocol/) over the socket that the browser opens.
"""

import asyncio
import base64
import json
import os
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.security.rebinding import BROWSER

PATIENCE = 30.0
_LISTENS = re.compile(rb"DevTools listening on ws://(\S+?)/")
_QUIET = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync", "--mute-audio"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
    ),
    # Not a name is looked up: what the page would load from elsewhere fails, and is seen to.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@dataclass
class Page:
    """One tab. *errors* are those of its console, *asked* the addresses of all that it has loaded or asked for."""

    socket: aiohttp.ClientWebSocketResponse
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _number: int = 0
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def read(self) -> None:
        """Take in what the browser says, until it ends."""
        async for message in self.socket:
            said = json.loads(message.data)
            if (waiting := self._waiting.pop(said.get("id", 0), None)) is not None and not waiting.done():
                waiting.set_result(said)
            self._note(said.get("method"), said.get("params") or {})

    def _note(self, method: str | None, about: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.asked.append(about["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(about["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning", "assert"):
                self.errors.append(json.dumps(about["args"]))
            case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
            case _:
                pass

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have the browser do something, and return what came of it."""
        self._number += 1
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(2 * PATIENCE):
            said = await waiting
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        """Return what *script* comes to in the page, a promise's value included."""
        said = await self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, script: str, seconds: float = PATIENCE) -> Any:
        """Return what *script* comes to, as soon as that is something."""
        found = await self.evaluate(
            f"""new Promise(end => {{
                const last = performance.now() + {seconds * 1000};
                const look = () => {{
                    let found = null;
                    try {{ found = ({script}); }} catch {{ /* it is not there yet */ }}
                    if (found || performance.now() > last) end(found instanceof Node ? true : found);
                    else setTimeout(look, 15);
                }};
                look();
            }})"""
        )
        assert found, f"not within {seconds} s: {script}\n{(await self.text())[:4000]}\n{self.errors}"
        return found

    async def text(self) -> str:
        """Return what the page says."""
        return str(await self.evaluate("document.body.innerText"))

    async def go(self, url: str) -> None:
        """Go to *url*."""
        await self.command("Page.navigate", url=url)
        # The page of before goes with all that waits in it, so that each look is a question of its own.
        async with asyncio.timeout(PATIENCE):
            there = f"location.href === {json.dumps(url)} && document.readyState === 'complete'"
            while not await self.evaluate(there):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def click(self, selector: str) -> None:
        """Press the left button in the middle of what *selector* finds, once that is shown and enabled."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"{found} && !{found}.disabled && {found}.offsetWidth")
        box = await self._place(found)
        for kind in ("mousePressed", "mouseReleased"):
            await self.command("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    async def _place(self, found: str) -> list[float]:
        """Return the middle of *found*, a script, once it stands still: what is above it may just have grown."""
        script = f"""new Promise(end => {{
            const place = () => {{
                const it = {found};
                it.scrollIntoView({{block: 'center'}});
                const box = it.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }};
            const first = place();
            setTimeout(() => {{ const then = place(); end(first.every((each, at) => each === then[at]) && then); }}, 50);
        }})"""
        for _ in range(40):
            if place := await self.evaluate(script):
                return [float(each) for each in place]
        raise AssertionError(f"it does not stand still: {found}")

    async def type(self, selector: str, text: str) -> None:
        """Write *text* into the field that *selector* finds, in place of what is there."""
        await self.click(selector)
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        await self.command("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            code = {"windowsVirtualKeyCode": 13} if key == "Enter" else {}
            await self.command("Input.dispatchKeyEvent", type=kind, key=key, **more, **code)

    async def look(self, width: int, height: int, scheme: str) -> None:
        """Be a screen of *width* by *height* pixels whose owner likes the colours of *scheme*, ``light`` or ``dark``."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.command("Emulation.setDeviceMetricsOverride", **size)
        await self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.evaluate("new Promise(end => requestAnimationFrame(() => requestAnimationFrame(end)))")

    async def screenshot(self, file: Path) -> None:
        """Keep a picture of all that can be scrolled to, up to 2400 pixels."""
        size = (await self.command("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(2400, size["height"]), "scale": 1}
        shot = await self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def browsing(folder: Path, options: Iterable[str] = ()) -> AsyncIterator[Page]:
    """Run a browser that keeps what it keeps in *folder*, with one empty tab."""
    assert BROWSER is not None
    argv = (*_QUIET, "--remote-debugging-port=0", f"--user-data-dir={folder}", *options, "about:blank")
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        BROWSER, *root, *argv, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while (listens := _LISTENS.search(await process.stderr.readline())) is None:
                assert process.returncode is None
        # What it says besides must not fill the pipe.
        draining = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://{listens[1].decode()}/json/list") as answer:
                tabs = await answer.json(content_type=None)
            url = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with http.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                reading = asyncio.create_task(page.read())
                for part in ("Page", "Runtime", "Log", "Network"):
                    await page.command(f"{part}.enable")
                yield page
                reading.cancel()
        draining.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
