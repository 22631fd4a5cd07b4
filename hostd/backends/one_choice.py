"""Engines that give one answer to a request, whatever it asks for; a client that wants several would wait for the others."""

from collections.abc import Mapping
from typing import Any

from hostd.domain.errors import RequestError


def refuse_several(body: Mapping[str, Any]) -> None:
    """Return if *body* asks for one answer.

    Raises:
        RequestError: It asks for several; another engine may give them.
    """
    wanted = body.get("n")
    if isinstance(wanted, int) and wanted > 1:
        raise RequestError("its engine gives one answer to a request; ask for 'n': 1", code="unfit", param="n")
