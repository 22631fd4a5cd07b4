"""Vectors with as many dimensions as a request asks for, where its engine gives more: the first ones, brought to length 1 again.

That is what OpenAI does with its models, and Ollama with any. llama-server knows no ``dimensions``, and a client that asked for 256
could not keep vectors of another size beside those that it has.
"""

import base64
import math
from array import array
from typing import Any

import msgspec

Json = dict[str, Any]

_FLOAT = "f"
_WIDTH = array(_FLOAT).itemsize


def shortened(payload: bytes, dimensions: object) -> bytes:
    """Return *payload*, an answer with vectors as lists or as base64, with at most so many *dimensions*; itself where it has.

    Raises:
        msgspec.MsgspecError: It is no JSON.
    """
    if isinstance(dimensions, bool) or not isinstance(dimensions, int) or dimensions < 1:
        return payload
    document = msgspec.json.decode(payload)
    data = document.get("data") if isinstance(document, dict) else None
    changed = [_shorten(each, dimensions) for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    return msgspec.json.encode(document) if any(changed) else payload


def _shorten(said: Json, dimensions: int) -> bool:
    """Shorten the vector in *said*; return whether it was longer."""
    vector = said.get("embedding")
    if isinstance(vector, str):
        floats = base64.b64decode(vector)
        if len(floats) <= dimensions * _WIDTH or len(floats) % _WIDTH:
            return False
        cut = array(_FLOAT, _unit(list(array(_FLOAT, floats[: dimensions * _WIDTH]))))
        said["embedding"] = base64.b64encode(cut.tobytes()).decode()
        return True
    if not isinstance(vector, list) or len(vector) <= dimensions or not isinstance(vector[0], int | float):
        return False
    said["embedding"] = _unit(vector[:dimensions])
    return True


def _unit(vector: list[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if 0 < length < math.inf else vector
