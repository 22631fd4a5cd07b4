"""Values as first configuration files hold them."""

import json
from collections.abc import Iterable


def quoted(value: object) -> str:
    """Return *value* as JSON, a subset of YAML: in quotes, no name is read as a number or a boolean."""
    return json.dumps(value, ensure_ascii=False)


def listed(names: Iterable[str]) -> str:
    """Return *names*, each quoted, with commas between them."""
    return ", ".join(map(quoted, names))
