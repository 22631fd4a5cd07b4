"""Files that have changed are told of once, when they have stopped changing."""

import asyncio
from pathlib import Path

from hostd.domain.catalog import Catalog
from hostd.domain.profile import Settings
from hostd.domain.server_settings import ServerSettings
from hostd.runtime import file_watch
from hostd.runtime.file_watch import FileWatch, signature
from tests.virtual_time import in_virtual_time


def test_a_change_is_told_once_it_has_settled() -> None:
    """What was there at the first look is no change; what still changes is waited for."""
    told: list[str] = []
    watch = FileWatch(Catalog(), lambda: told.append("changed"))
    one, two, three = ((("hostd.yaml", 1, size, 0),) for size in (1, 2, 3))
    for found in (one, one, two, three):
        watch.looked(found)
    assert [] == told
    watch.looked(three)
    watch.looked(three)
    assert ["changed"] == told
    watch.looked(one)
    watch.looked(one)
    assert 2 == len(told)


def test_what_counts_as_a_change(tmp_path: Path) -> None:
    """Content, a file that is new, gone or replaced; a folder that is not there is no mistake."""
    source, folder = tmp_path / "hostd.yaml", tmp_path / "profiles"
    found = [signature(str(source), str(folder))]
    source.write_text("one")
    found.append(signature(str(source), str(folder)))
    folder.mkdir()
    (folder / "a.yaml").write_text("a")
    found.append(signature(str(source), str(folder)))
    (folder / "a.yaml").write_text("ab")
    found.append(signature(str(source), str(folder)))
    (folder / "a.yaml").unlink()
    found.append(signature(str(source), str(folder)))
    assert () == found[0] == signature(None, None)
    assert found[1] == found[4]
    assert 4 == len(set(found))


@in_virtual_time
async def test_nothing_is_looked_at_unless_the_owner_wants_it(tmp_path: Path) -> None:
    """Switched on by a reload it begins with what is there then; switched off it forgets."""
    source, told = tmp_path / "hostd.yaml", asyncio.Event()
    source.write_text("one")
    catalog = Catalog(Settings(source=str(source)))
    watch = FileWatch(catalog, told.set)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(3 * file_watch.LOOK_EVERY)
    assert "<FileWatch off>" == repr(watch)
    catalog.settings = Settings(source=str(source), server=ServerSettings(watch=True))
    await asyncio.sleep(3 * file_watch.LOOK_EVERY)
    assert not told.is_set()
    source.write_text("another")
    await told.wait()
    task.cancel()
