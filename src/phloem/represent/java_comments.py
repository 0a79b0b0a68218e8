"""How JavaParser 3.0.0-alpha.4 gives comments to nodes, for what it does to the nodes around them.

Wherever a node holds comments it SORTS the node's children by position, first those without one. So the children of
a block with a comment stand in source order and `int[] a` comes first, while in a block without comments they stand in
the order of construction. A comment is handed down to the first child whose range holds it; what no child holds goes
to the node on its line or to the node after it, and is printed with that node: a terminal `a, // first` has the value
`//|first|a`. Comments that stay with the holder become its last children and keep it from being a terminal.
"""

from __future__ import annotations

from bisect import bisect_right

from phloem.represent.java_translation import NOWHERE, Comment, JavaNode


def attribute_comments(root: JavaNode, comments: list[Comment], source: bytes) -> None:
    """Sort children and set comments as JavaParser does, below `root`, which holds all `comments`."""
    if comments:
        _Attribution(source).attribute(root, comments)


class _Attribution:
    def __init__(self, source: bytes) -> None:
        self.line_starts = [0, *(i + 1 for i, byte in enumerate(source) if byte == 0x0A)]

    def line(self, position: int) -> int:
        return 0 if position == NOWHERE else bisect_right(self.line_starts, position)

    def attribute(self, root: JavaNode, comments: list[Comment]) -> None:
        """Children first, then what they left over: a walk with its own stack."""
        stack: list[tuple[JavaNode, list[Comment], bool]] = [(root, comments, False)]
        while stack:
            node, held, children_done = stack.pop()
            if children_done:
                self._give(node, held)
                continue
            node.children.sort(key=lambda child: child.begin)
            inner: list[tuple[JavaNode, list[Comment], bool]] = []
            for child in node.children:
                inside = [c for c in held if child.begin <= c.begin and c.end <= child.end]
                if inside:
                    held = [c for c in held if c not in inside]
                    inner.append((child, inside, False))
            stack.append((node, held, True))
            stack.extend(reversed(inner))

    def _give(self, node: JavaNode, held: list[Comment]) -> None:
        """Comments that no child holds: to a node that ends on the same line, to the next node, or to the holder."""
        children = list(node.children)
        left = []
        for comment in held:
            line = self.line(comment.begin)
            ending = comment.is_line and [child for child in children if self.line(child.end) == line]
            given = False
            for child in ending or []:
                given |= self._give_on_line(child, comment, line)
            if not given:
                left.append(comment)
        things: list[JavaNode | Comment] = sorted([*children, *left], key=lambda thing: thing.begin)
        previous: Comment | None = None
        orphans = list(left)
        for thing in things:
            if isinstance(thing, Comment):
                previous = thing
            elif previous is not None and not thing.comment and not self._gap(previous, thing):
                thing.comment = previous.text
                orphans.remove(previous)
                previous = None
        for comment in orphans:
            JavaNode("Comment", node, comment.begin, comment.end)

    def _give_on_line(self, top: JavaNode, comment: Comment, line: int) -> bool:
        """To the first node, from the right, that begins on the comment's line and has no comment yet."""
        stack = [top]
        while stack:
            node = stack.pop()
            if self.line(node.begin) == line and not node.comment:
                if node.type != "Comment":
                    node.comment = comment.text
                return True
            if node.end == NOWHERE or self.line(node.end) >= line:
                stack.extend(sorted(node.children, key=lambda child: child.begin))
        return False

    def _gap(self, comment: Comment, node: JavaNode) -> bool:
        """Whether there is an empty line between them."""
        if comment.begin <= node.begin:
            return self.line(node.begin) > self.line(comment.end) + 1
        return self.line(comment.begin) > self.line(node.end) + 1
