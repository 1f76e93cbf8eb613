"""An HTML document taken apart with the standard library: what a reader of the page would find."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Document(HTMLParser):
    """The elements of a page in their order, its tables by caption, and its headings."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[tuple[int, str]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.scripts: list[str] = []
        self.text = ""
        self._rows: list[list[str]] = []
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append((int(tag[1]), ""))
        if tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")
        elif tag == "table":
            self._rows = []
        elif tag == "script":
            self.scripts.append("")
        if tag not in _VOID | {"b", "small", "strong", "a"}:
            self._in = tag
        if tag == "caption":
            self._caption = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.tables.setdefault(self._caption, self._rows)
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] += data
        elif self._in != "style":
            self.text += data
        if self._in in {"td", "th"}:
            self._rows[-1][-1] += data.rstrip("\n")
        elif self._in == "caption":
            self._caption += data
        elif self._in in {"h1", "h2", "h3"}:
            level, text = self.headings[-1]
            self.headings[-1] = level, text + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]
