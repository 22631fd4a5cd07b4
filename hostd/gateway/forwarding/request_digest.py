"""The digest by which a request that crashed an engine is known again, without a word of it being kept."""

from hashlib import blake2b

from hostd.dialects.base import InferenceRequest

_NOT_THE_PROMPT = frozenset({"model", "stream", "stream_options", "user"})
"""Members that engines do not read as a part of the prompt: the same request to another model, or as a stream, is the same."""


_WHOLE = 1024 * 1024
_END = 256 * 1024
"""Bytes of a member that are read in about a millisecond, and at each end of a longer one, which would hold up other requests."""


def digest_of(inference: InferenceRequest) -> str:
    """Return the digest of what an engine would read of a request; of members over a megabyte, the ends and the length count."""
    digest = blake2b(digest_size=16)
    for name, text in inference.document.texts().items():
        if name not in _NOT_THE_PROMPT:
            value = memoryview(text)
            digest.update(f"{len(name)} {value.nbytes} {name}".encode("utf-8", "surrogatepass"))
            for part in (value,) if value.nbytes <= _WHOLE else (value[:_END], value[-_END:]):
                digest.update(part)
    return digest.hexdigest()
