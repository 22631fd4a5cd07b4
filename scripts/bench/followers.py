"""Dashboards that are open while hostd is measured: a program that follows its events so many times, as each open page does.

`python followers.py PORT COUNT` reads what comes and throws it away, so that the readers cost next to nothing themselves.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH = "/hostd/v1/events?last=200"
FOLLOWING = "all of them follow"


@contextmanager
def following(port: int, count: int, folder: Path) -> Iterator[None]:
    """Have *count* dashboards open before the hostd at *port*; none where *count* is 0.

    Raises:
        BenchError: They could not be opened.
    """
    if not count:
        yield
        return
    from bench import processes  # noqa: PLC0415 - the program itself knows no `bench`

    argv = [sys.executable, __file__, str(port), str(count)]
    log = folder / "followers.log"
    with processes.program("followers", argv, folder) as process:
        processes.wait_until(lambda: FOLLOWING in processes.tail(log), process, log)
        yield


async def _follow(port: int, opened: asyncio.Queue[None]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    if not (await reader.readline()).startswith(b"HTTP/1.1 200"):
        raise SystemExit("the events cannot be followed")
    opened.put_nowait(None)
    while await reader.read(1 << 20):
        pass
    raise SystemExit("the stream of events has ended")


async def _main(port: int, count: int) -> None:
    opened: asyncio.Queue[None] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_follow(port, opened))
        for _ in range(count):
            await opened.get()
        print(FOLLOWING, flush=True)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
