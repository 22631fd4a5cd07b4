"""Named items in the order of their keys; adding, removing, the first and a place take O(log n).

They form a treap: a binary search tree by their key, and a heap by a mixed number, so that its depth stays logarithmic without any
balancing. Each node knows its parent and the size of its subtree. A place is counted on the way up from the item's own node,
without comparing a single key, so that telling ten thousand waiting clients their places costs little.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Item = TypeVar("Item")
Key = tuple[float, int]


@dataclass(slots=True, eq=False)
class _Node(Generic[Item]):
    key: Key
    weight: int
    item: Item
    parent: "_Node[Item] | None" = None
    left: "_Node[Item] | None" = None
    right: "_Node[Item] | None" = None
    size: int = 1


class OrderedItems(Generic[Name, Item]):
    """Items by name; no two have the same name or the same key."""

    def __init__(self) -> None:
        self._nodes: dict[Name, _Node[Item]] = {}
        self._root: _Node[Item] | None = None
        self._joined = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: Name) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in order, in O(1) each on average; they must not change meanwhile."""
        node = self._first()
        while node is not None:
            yield node.item
            if node.right is not None:
                node = _leftmost(node.right)
                continue
            child, node = node, node.parent
            while node is not None and node.right is child:
                child, node = node, node.parent

    def add(self, key: Key, name: Name, item: Item) -> None:
        """Add an item at the place of its *key*."""
        self._joined += 1
        # A mixed counter is as good as a random number here, and the same in every replay.
        weight = (self._joined * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        node = self._nodes[name] = _Node(key, weight, item)
        self._attach(node)
        while (parent := node.parent) is not None and node.weight > parent.weight:
            self._rotate_up(node, parent)

    def remove(self, name: Name) -> tuple[Key, Item] | None:
        """Take an item out, wherever it stands, and return it with its key; None where it is not here."""
        node = self._nodes.pop(name, None)
        if node is None:
            return None
        # Sunk until it is a leaf, which is cut off without breaking the order of keys or of weights.
        while (child := _heavier(node.left, node.right)) is not None:
            self._rotate_up(child, node)
        self._detach(node)
        return node.key, node.item

    def first(self) -> Item | None:
        """Return the item with the least key, without removing it."""
        node = self._first()
        return None if node is None else node.item

    def position(self, name: Name) -> int:
        """Return the place of an item, counting from 1."""
        node = self._nodes[name]
        place = 1 + _size(node.left)
        while (parent := node.parent) is not None:
            if parent.right is node:
                place += 1 + _size(parent.left)
            node = parent
        return place

    def _first(self) -> _Node[Item] | None:
        return None if self._root is None else _leftmost(self._root)

    def _attach(self, node: _Node[Item]) -> None:
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

    def _detach(self, leaf: _Node[Item]) -> None:
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

    def _rotate_up(self, node: _Node[Item], parent: _Node[Item]) -> None:
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
        # The two have the same items below them as before, but for each other.
        node.size = parent.size
        parent.size = 1 + _size(parent.left) + _size(parent.right)


def _size(node: _Node[Item] | None) -> int:
    return 0 if node is None else node.size


def _leftmost(node: _Node[Item]) -> _Node[Item]:
    while node.left is not None:
        node = node.left
    return node


def _heavier(one: _Node[Item] | None, other: _Node[Item] | None) -> _Node[Item] | None:
    if one is None or other is None:
        return one or other
    return one if one.weight > other.weight else other
