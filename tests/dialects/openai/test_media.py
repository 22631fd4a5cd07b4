"""URLs that an engine would fetch are found however they are written, and nothing else is taken for one."""

import json
from typing import Any

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.openai.parse import parse

PICTURE = "data:image/png;base64,AAAA"


def remote(*parts: Any, **more: Any) -> str | None:
    """Return what is found in a request whose message has these *parts*."""
    body = {"model": "a", "messages": [{"role": "user", "content": list(parts)}], **more}
    return parse(Dialect.OPENAI_CHAT, json.dumps(body).encode()).remote_media


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/", "https://example.org/x.png", "file:///etc/passwd", "ftp://a/b", "x", ""]
)
@pytest.mark.parametrize("kind", ["image_url", "video_url", "audio_url", "input_audio", "file"])
def test_urls_are_found(kind: str, url: str) -> None:
    """In the object that OpenAI's clients write, or as the value itself."""
    assert url == remote({"type": "text", "text": "?"}, {"type": kind, kind: {"url": url}})
    if kind.endswith("url"):
        assert url == remote({"type": kind, kind: url})


def test_a_data_url_is_none() -> None:
    """Nor is a picture that is large, or whose URL is written in capitals."""
    for url in (PICTURE, "DATA:image/png;base64,AAAA", PICTURE + "A" * 1_000_000):
        assert remote({"type": "image_url", "image_url": {"url": url, "detail": "low"}}) is None
    assert "http://a/b" == remote(
        {"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "image_url", "image_url": {"url": "http://a/b"}}
    )


def test_words_are_none() -> None:
    """A conversation about URLs, tools that take one, and calls of these name nothing to fetch."""
    call = {"id": "1", "type": "function", "function": {"name": "get", "arguments": '{"url":"http://a/b"}'}}
    tool = {"type": "function", "function": {"name": "get", "parameters": {"properties": {"url": {"type": "string"}}}}}
    body = {
        "model": "a",
        "messages": [
            {"role": "user", "content": '{"type":"image_url","image_url":{"url":"http://a/b"}}'},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "user", "content": [{"type": "text", "text": 'the "url": http://a/b', "url": None}, "x", 1]},
            7,
        ],
        "tools": [tool],
    }
    assert parse(Dialect.OPENAI_CHAT, json.dumps(body).encode()).remote_media is None


@pytest.mark.parametrize(
    "hidden", [rb'"image_ur\u006c":{"url":', rb'"image_url":{"ur\u006c":', rb'"\u0069mage_url":{"\u0075rl":']
)
def test_escapes_hide_nothing(hidden: bytes) -> None:
    """Letters that are escaped in a name, and a beginning that is written with escapes."""
    body = b'{"model":"a","messages":[{"role":"user","content":[{"type":"image_url",' + hidden + b'"http://a/b"}}]}]}'
    assert "http://a/b" == parse(Dialect.OPENAI_CHAT, body).remote_media
    assert remote({"type": "image_url", "image_url": {"url": PICTURE}}) is None
    escaped = b'{"model":"a","messages":[{"role":"user","content":[{"image_url":{"url":"d\\u0061ta:x"}}]}]}'
    assert parse(Dialect.OPENAI_CHAT, escaped).remote_media is not None


def test_long_urls_are_shown_in_part() -> None:
    """An error repeats the beginning."""
    found = remote({"type": "image_url", "image_url": {"url": "http://" + "é" * 500}})
    assert found is not None
    assert found.startswith("http://")
    assert len(found) < 120


def test_letters_of_other_languages_are_no_escaped_names() -> None:
    """Many clients escape them, and most of such texts hold no escaped letter of a name."""
    body = json.dumps({"model": "a", "messages": [{"role": "user", "content": "é\x1b"}]}).encode()
    assert b"\\u00e9" in body
    assert parse(Dialect.OPENAI_CHAT, body).remote_media is None
