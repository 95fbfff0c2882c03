"""A report's page as a tree, and what must hold for it and for report.md."""

import re
from html.parser import HTMLParser


class Node:
    def __init__(self, tag, attributes):
        self.tag, self.of = tag, dict(attributes)
        self.children, self.words = [], []

    def all(self, *tags):
        """The nodes below of these tags, of any without."""
        for child in self.children:
            if not tags or child.tag in tags:
                yield child
            yield from child.all(*tags)

    def text(self):
        inside = [child.text() for child in self.children if child.tag not in UNSEEN]
        return " ".join([*self.words, *inside]).strip()


UNSEEN = ("style", "script", "title")


class Tree(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.root = Node("root", ())
        self.path = [self.root]
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        node = Node(tag, attrs)
        self.path[-1].children.append(node)
        if tag not in ("meta", "link", "img", "input"):
            self.path.append(node)

    def handle_endtag(self, tag):
        assert self.path.pop().tag == tag

    def handle_data(self, data):
        if data.strip():
            self.path[-1].words.append(data.strip())


def parse(text):
    """Return the root of a page."""
    return Tree(text).root


MUST_HOLD = (
    "section", "figure", "table", "tbody", "thead", "ul", "ol", "dl", "li", "p", "nav",
    "h1", "h2", "h3", "select", "details", "dt", "dd", "figcaption", "td", "button",
)  # fmt: skip


def assert_nothing_is_empty(tree, text):
    """No element of the page and no section of report.md is empty."""
    for node in tree.all(*MUST_HOLD):
        assert node.text() or any(node.all("svg", "img")), (node.tag, node.of)
    for panel in tree.all("svg"):
        assert any(panel.all("path", "rect", "line", "circle", "text")), panel.of
    assert all(path.of.get("d") for path in tree.all("path"))
    for block in [node for node in tree.all() if node.children]:
        tags = [child.tag for child in block.children]
        for one, following in zip(tags, [*tags[1:], "h2"], strict=True):
            assert not (one in ("h2", "h3") and following in ("h2", "h3")), block.of
    parts = re.split(r"^#+ .*$", text, flags=re.M)
    assert all(part.strip() for part in parts[1:])
    assert not re.search(r"^\| --- .*\|\n\n", text, flags=re.M)


def assert_no_riddles(tree, text):
    """No sentence or cell holds a value of the program or a number without sense."""
    for message in [node.text() for node in tree.all("p", "td", "li", "dd")] + [text]:
        assert not re.search(r"\b(nan|nanx|inf|None|NaN or infinite values)\b", message)
        assert not re.search(r"\bin 0%|equally often, in|\b0 of 0\b", message)
        assert not re.search(r"\b1 (runs|methods|tasks)\b", message)
