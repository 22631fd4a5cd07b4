"""The files of the page."""

import gzip
import re

from hostd.gateway.dashboard.page_files import FOLDER, INDEX, page_files

MOST = 300_000
_IMPORT = re.compile(r"""(?:from|import\()\s*'\./([^']+)'""")
_LINK = re.compile(r'(?:src|href)="dashboard/([^"]+)"')


def test_every_file_is_sent() -> None:
    """With a type that browsers take it for, and packed without loss."""
    files = page_files()
    assert {path.name for path in FOLDER.iterdir()} == set(files)
    assert all(gzip.decompress(file.packed) == file.body for file in files.values())
    assert "text/javascript; charset=utf-8" == files["app.js"].content_type
    assert len(files) == len({file.etag for file in files.values()})


def test_it_is_small() -> None:
    """All of it together, unpacked, so that a telephone far from the host has it at once."""
    assert sum(len(file.body) for file in page_files().values()) < MOST


def test_nothing_comes_from_elsewhere() -> None:
    """No file names another address but a namespace; what it imports is there, and every file is used."""
    files = {name: file.body.decode() for name, file in page_files().items()}
    named = {each for text in files.values() for each in re.findall(r"https?://[^\s\"'`)>]+", text)}
    assert {"http://www.w3.org/2000/svg"} == named
    used = {each for name, text in files.items() for each in (_LINK if name == INDEX else _IMPORT).findall(text)}
    assert used | {INDEX} == set(files)


def test_text_is_never_markup() -> None:
    """Names of files and what models write come to the page as text: none of the ways to make elements of text is used."""
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
        "DOMParser",
    )
    found = {(name, word) for name, file in page_files().items() for word in forbidden if word in file.body.decode()}
    assert set() == found
