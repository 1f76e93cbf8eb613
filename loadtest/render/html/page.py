"""One HTML page of reports and comparisons that opens anywhere, without a network.

Everything is in the document: its style, its tables, its charts and the JavaScript that draws them (Vega, Vega-Lite and
Vega-Embed, out of the package vl-convert), compressed to less than half. A Content Security Policy forbids the page to
load anything. Jinja escapes every text, and every character of it is visible.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from loadtest.records.comparison import Comparison
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.render.html import theme
from loadtest.render.html.figures import Figure
from loadtest.render.html.outline import Contents
from loadtest.render.html.sections import contents
from loadtest.render.html.words import shown

_LIBRARIES = "window.vegaEmbed = vegaEmbed;"


def page(reports: Sequence[Report], comparisons: Sequence[Comparison], searches: Sequence[Found] = ()) -> str:
    """The whole document. Raises UsageError if a report's histogram cannot be read."""
    parts = contents(reports, comparisons, searches)
    script = _resource("page.js")
    return _template().render(
        **_shown(parts),
        css=_trusted(theme.css() + _resource("page.css")),
        charts=_trusted(_embedded(parts.figures())),
        libraries=_libraries(),
        script=_trusted(script),
        script_hash=_trusted(_hash(script)),
    )


def _trusted(text: str) -> Markup:
    """What is not escaped: the package's own CSS and script, base64, and JSON without `<`."""
    return Markup(text)  # nosec B704


def _shown(parts: Contents) -> dict[str, Any]:
    return {name: getattr(parts, name) for name in parts.__struct_fields__}


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=shown
    )
    return environment.from_string(_resource("page.html"))


def _resource(name: str) -> str:
    return files("loadtest.render.html").joinpath(name).read_text(encoding="utf-8")


@cache
def _libraries() -> str:
    """The libraries' code, gzip in base64. To bundle it takes a second or two."""
    import vl_convert

    code: str = vl_convert.javascript_bundle(_LIBRARIES)
    return base64.b64encode(gzip.compress(code.encode(), mtime=0)).decode()


def _embedded(figures: Sequence[Figure]) -> str:
    """The charts as JSON that cannot end its script element: it has no `<`."""
    charts = {figure.name: figure.specification() for figure in figures}
    text = json.dumps({"config": theme.config(), "charts": charts}, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
