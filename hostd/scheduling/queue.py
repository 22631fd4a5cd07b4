"""The queue of one model: which waiting request is served next, and what place each of them has.

Theory of operation. Waiting requests form a treap: a binary search tree by their key, and a heap by a mixed number, so that its
depth stays logarithmic without any balancing. Each node knows its parent and the size of its subtree. A place in the queue is
counted on the way up from the request's own node, without comparing a single key, so that telling ten thousand waiting clients
their places costs little.

The key alone decides the order. It is made once, when a request joins: its priority class, then its arrival. Ageing (a key that
counts a batch request as so many seconds late) and fairness between clients (a virtual finish time) are other keys in `_key`,
and nothing else changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Target, Ticket

_Key = tuple[int, int]


@dataclass(slots=True, eq=False)
class RequestState:
    """A ticket on its route.

    *since* is when it joined the queue of its present target, *queued* the seconds that it has spent in queues and *loaded* those
    of them in which a model was loading, *expires* when its whole time is up. *generation* tells which of a model's engines it was
    last sent to.

    *waiting_for_load* marks a request whose queue time ran out while its model was still loading and no other target was
    open: it waits for the load, and its queue time starts when the model is ready.

    *suspect* marks one that may be the cause of a crash; such requests are served one at a time.
    """

    ticket: Ticket
    arrived: float
    expires: float
    target_index: int = 0
    attempt: int = 0
    reason: FallbackReason | None = None
    since: float = 0.0
    queued: float = 0.0
    loaded: float = 0.0
    generation: int = 0
    waiting_for_load: bool = False
    retried: bool = False
    suspect: bool = False

    @property
    def target(self) -> Target:
        """The target of the route that the request is at now."""
        return self.ticket.route.targets[self.target_index]


@dataclass(slots=True, eq=False)
class _Node:
    key: _Key
    weight: int
    request: RequestState
    parent: "_Node | None" = None
    left: "_Node | None" = None
    right: "_Node | None" = None
    size: int = 1


class RequestQueue:
    """Waiting requests in the order in which they are served; adding, removing, the head and a place take O(log n)."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._root: _Node | None = None
        self._joined = 0
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self._nodes

    def __iter__(self) -> Iterator[RequestState]:
        """Yield the requests in order, in O(1) each on average; the queue must not change meanwhile."""
        node = self._first()
        while node is not None:
            yield node.request
            if node.right is not None:
                node = _leftmost(node.right)
                continue
            child, node = node, node.parent
            while node is not None and node.right is child:
                child, node = node, node.parent

    def push(self, request: RequestState, *, first: bool = False) -> None:
        """Add a request behind those of its class; with *first* in front of them, as one that is tried again."""
        self._joined += 1
        # A mixed counter is as good as a random number here, and the same in every replay.
        weight = (self._joined * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        node = _Node(self._key(request, first=first), weight, request)
        self._nodes[request.ticket.id] = node
        # The sum makes the time that all have waited together cost one multiplication (`waited`).
        self._since += request.since
        self._attach(node)
        while (parent := node.parent) is not None and node.weight > parent.weight:
            self._rotate_up(node, parent)

    def remove(self, ticket_id: str) -> RequestState | None:
        """Take a request out, wherever it stands; None where it does not wait here."""
        node = self._nodes.pop(ticket_id, None)
        if node is None:
            return None
        # An empty queue starts from nought again, so that rounding errors cannot add up over months.
        self._since = self._since - node.request.since if self._nodes else 0.0
        # Sunk until it is a leaf, which is cut off without breaking the order of keys or of weights.
        while (child := _heavier(node.left, node.right)) is not None:
            self._rotate_up(child, node)
        self._detach(node)
        return node.request

    def get(self, ticket_id: str) -> RequestState | None:
        """Return a waiting request, or None where it does not wait here."""
        node = self._nodes.get(ticket_id)
        return None if node is None else node.request

    def next(self) -> RequestState | None:
        """Return the request that is served next, without removing it."""
        first = self._first()
        return None if first is None else first.request

    def position(self, ticket_id: str) -> int:
        """Return the place of a waiting request, counting from 1."""
        node = self._nodes[ticket_id]
        place = 1 + _size(node.left)
        while (parent := node.parent) is not None:
            if parent.right is node:
                place += 1 + _size(parent.left)
            node = parent
        return place

    def waited(self, now: float) -> float:
        """Return the seconds that all of them together have waited here."""
        return len(self._nodes) * now - self._since

    def _key(self, request: RequestState, *, first: bool) -> _Key:
        return request.ticket.priority, -self._joined if first else self._joined

    def _first(self) -> _Node | None:
        return None if self._root is None else _leftmost(self._root)

    def _attach(self, node: _Node) -> None:
        """Hang *node* in as a leaf."""
        above = self._root
        if above is None:
            self._root = node
        while above is not None:
            above.size += 1
            node.parent = above
            if node.key < above.key:
                if above.left is None:
                    above.left = node
                    return
                above = above.left
            else:
                if above.right is None:
                    above.right = node
                    return
                above = above.right

    def _detach(self, leaf: _Node) -> None:
        """Cut *leaf* off."""
        above = leaf.parent
        if above is None:
            self._root = None
        elif above.left is leaf:
            above.left = None
        else:
            above.right = None
        while above is not None:
            above.size -= 1
            above = above.parent

    def _rotate_up(self, node: _Node, parent: _Node) -> None:
        """Let *node* and its *parent* change places; the order of keys stays."""
        above = parent.parent
        if parent.left is node:
            moved = parent.left = node.right
            node.right = parent
        else:
            moved = parent.right = node.left
            node.left = parent
        if moved is not None:
            moved.parent = parent
        parent.parent, node.parent = node, above
        if above is None:
            self._root = node
        elif above.left is parent:
            above.left = node
        else:
            above.right = node
        # The two have the same requests below them as before, but for each other.
        node.size = parent.size
        parent.size = 1 + _size(parent.left) + _size(parent.right)


def _size(node: _Node | None) -> int:
    return 0 if node is None else node.size


def _leftmost(node: _Node) -> _Node:
    while node.left is not None:
        node = node.left
    return node


def _heavier(one: _Node | None, other: _Node | None) -> _Node | None:
    if one is None or other is None:
        return one or other
    return one if one.weight > other.weight else other
