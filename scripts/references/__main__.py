"""Write the generated parts of documents, or check them; see scripts/generate."""

import re
import sys
from pathlib import Path

from clients import results

from hostd.domain.lifecycle import mermaid
from references import configuration, http

PARTS = {
    "lifecycle": ("hostd/supervisor/README.md", lambda: f"```mermaid\n{mermaid()}\n```"),
    "clients": ("README.md", results.markdown),
    "configuration": ("hostd/config/README.md", configuration.markdown),
    "routes": ("hostd/gateway/README.md", http.markdown),
}


def main(arguments: list[str]) -> str | None:
    """Write every part between its marks; with ``--check`` write nothing. Return what is out of date, None for nothing."""
    for mark, (name, written) in PARTS.items():
        file = Path(name)
        before = file.read_text("utf-8")
        part = f"<!-- {mark} -->\n{written()}\n<!-- /{mark} -->"
        after = re.sub(rf"<!-- {mark} -->.*<!-- /{mark} -->", lambda _, part=part: part, before, flags=re.DOTALL)
        if mark not in before:
            return f"{name} has lost its part <!-- {mark} -->"
        if after != before and "--check" in arguments:
            return f"{name}: the part '{mark}' is out of date; run scripts/generate"
        file.write_text(after, "utf-8")
    return None


sys.exit(main(sys.argv[1:]))
