"""A base URL that is not quite right leads where its client meant to go."""

import pytest

from hostd.dialects import registry
from hostd.dialects.path_slips import meant_by


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("//v1//responses", "/v1/responses"),
        ("/api/v1/embeddings", "/v1/embeddings"),
        ("/v1/api/embeddings", "/api/embeddings"),
        ("/embeddings", "/v1/embeddings"),
        ("/v1/api/chat", "/api/chat"),
        ("/api/api/generate", "/api/generate"),
        ("/chat", "/api/chat"),
    ],
)
def test_finds_what_was_meant(path: str, meant: str) -> None:
    """The prefix that comes last counts; the first path that some dialect has is the one."""
    assert meant == next(found for found in meant_by(path) if found in registry.PATHS)


@pytest.mark.parametrize("path", ["/", "//", "/v1", "/v1/api/"])
def test_a_prefix_alone_means_nothing(path: str) -> None:
    """No dialect answers there."""
    assert not [found for found in meant_by(path) if found in registry.PATHS]
