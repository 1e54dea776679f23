"""The graph of the imports between packages: drawn with few enough nodes, and its cycles."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.pipeline.specs.packages import Edge, Package


def collapse(edges: Iterable[Edge], packages: Sequence[Package], most: int) -> tuple[dict[str, str], list[Edge]]:
    """The edges between at most ``most`` packages: deeper folders count as their ancestors at one depth.

    Returns the package that stands for each folder, and the edges between those.
    """
    paths = [package.path for package in packages]
    deepest = max((path.count("/") + 1 for path in paths), default=1)
    # The more depth, the more packages.
    depth = bisect_right(range(1, deepest + 1), most, key=lambda depth: len(set(_cut(paths, depth).values())))
    shown = _cut(paths, max(1, depth))
    merged: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        source, target = shown.get(edge.source, edge.source), shown.get(edge.target, edge.target)
        if source != target:
            merged.setdefault((source, target), Edge(source, target, edge.path, edge.line))
    return shown, list(merged.values())


def _cut(paths: Iterable[str], depth: int) -> dict[str, str]:
    """For each folder, its ancestor at this depth; itself if it is less deep."""
    return {path: "/".join(path.split("/", depth)[:depth]) for path in paths}


def find_cycles(edges: Iterable[Edge]) -> list[list[str]]:
    """The groups of packages that import each other, directly or through others."""
    search = _Components(edges)
    return sorted(group for group in search.groups if len(group) > 1)


class _Components:
    """The strongly connected components of a graph (Tarjan, 1972), without recursion: paths may be long."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._graph: dict[str, list[str]] = defaultdict(list)
        for edge in edges:
            self._graph[edge.source].append(edge.target)
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._stack: dict[str, None] = {}  # in the order in which they were added
        self.groups: list[list[str]] = []
        for root in sorted(self._graph):
            if root not in self._index:
                self._search(root)

    def _search(self, root: str) -> None:
        work = [(root, 0)]
        while work:
            node, position = work.pop()
            if position == 0:
                self._index[node] = self._low[node] = len(self._index)
                self._stack[node] = None
            following = self._find_new(node, position)
            if following is not None:
                work += [(node, following + 1), (self._graph[node][following], 0)]
                continue
            if self._low[node] == self._index[node]:
                self._close(node)
            if work:
                parent = work[-1][0]
                self._low[parent] = min(self._low[parent], self._low[node])

    def _find_new(self, node: str, position: int) -> int | None:
        """The place of the next neighbour that was not visited; takes the others into account."""
        for number in range(position, len(self._graph[node])):
            target = self._graph[node][number]
            if target not in self._index:
                return number
            if target in self._stack:
                self._low[node] = min(self._low[node], self._index[target])
        return None

    def _close(self, node: str) -> None:
        group: list[str] = []
        while not group or group[-1] != node:
            group.append(self._stack.popitem()[0])
        self.groups.append(sorted(group))
