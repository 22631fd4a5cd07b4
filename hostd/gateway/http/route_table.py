"""Which handler answers which method and path; a dozen fixed paths need no router.

A prefix that a reverse proxy leaves in front of the routes is taken off where nothing answers with it, so that programs of this
machine go on without it; a client's slips in its base URL are forgiven where nothing answers at what it asks.
"""

from collections.abc import Iterable, Iterator

from hostd.dialects.path_slips import meant_by
from hostd.domain.errors import RequestError
from hostd.gateway.context import Handler, Route
from hostd.gateway.http.origin_check import shown


class RouteTable:
    """Finds handlers by path and method. *prefix* is one path more under which they all answer, or empty."""

    def __init__(self, routes: Iterable[Route], prefix: str = "") -> None:
        self._prefix = prefix
        self._exact: dict[str, dict[str, Handler]] = {}
        self._named: list[tuple[str, str, dict[str, Handler]]] = []
        for method, path, handler in routes:
            before, name, after = path.partition("{name}")
            if not name:
                self._exact.setdefault(path, {})[method] = handler
            else:
                self._named.append((before, after, {method: handler}))

    def __repr__(self) -> str:
        return f"<RouteTable {len(self._exact) + len(self._named)} paths{f' below {self._prefix}' if self._prefix else ''}>"

    def move(self, prefix: str) -> None:
        """Answer below *prefix* instead of the one of before."""
        self._prefix = prefix

    def route(self, path: str) -> str:
        """Return *path* without the prefix, if it has it, and without slips, if nothing answers under the whole of it."""
        if path in self._exact or self._answers(path):
            return path
        prefix = self._prefix
        if prefix and path.startswith(prefix):
            rest = path[len(prefix) :]
            path = rest if rest.startswith("/") else path if rest else "/"
            if self._answers(path):
                return path
        return next(filter(self._answers, meant_by(path)), path)

    def _answers(self, path: str) -> bool:
        return path in self._exact or next(self._all_named(path), None) is not None

    def find(self, path: str, method: str) -> tuple[Handler, str]:
        """Return the handler of *method* on *path*, and what ``{name}`` stands for in it.

        Raises:
            RequestError: Nothing answers at *path*, or not this *method*; says what would.
        """
        if method == "HEAD":
            method = "GET"
        handlers, name = self._exact.get(path), ""
        if handlers is None:
            for found, given in self._all_named(path):
                handlers, name = found, given
                if method in found:
                    break
        if handlers is None:
            raise _nothing_at(path, self._exact)
        if method not in handlers:
            allowed = " or ".join(sorted(handlers))
            raise RequestError(f"{shown(path)} takes {allowed}, not {shown(method)}", code="wrong_method", status=405)
        return handlers[method], name

    def methods(self, path: str) -> list[str]:
        """Return the methods that *path* takes; where nothing answers the usual ones, so that a browser goes on to be told so."""
        handlers = self._exact.get(path)
        found = set(handlers) if handlers else {method for each, _ in self._all_named(path) for method in each}
        return sorted(found | {"HEAD"} if "GET" in found else found or {"GET", "HEAD", "POST"})

    def _all_named(self, path: str) -> Iterator[tuple[dict[str, Handler], str]]:
        for before, after, handlers in self._named:
            if path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after):
                yield handlers, path[len(before) : len(path) - len(after)]


def _nothing_at(path: str, known: Iterable[str]) -> RequestError:
    hint = ""
    if below := next((route for route in known if route != "/" and path.endswith(route)), None):
        prefix = path.removesuffix(below)
        hint = f"; if a proxy leaves {shown(prefix)} in front of every path, write it as 'server.prefix' in hostd.yaml"
    return RequestError(f"there is nothing at {shown(path)}{hint}", code="no_such_route", status=404)
