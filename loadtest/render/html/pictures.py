"""The page's charts as picture files, made without a browser."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import vl_convert

from loadtest.records.comparison import Comparison
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.render.html import theme
from loadtest.render.html.figures import Figure
from loadtest.render.html.sections import contents
from loadtest.render.html.words import shown

_WIDTH = 720
_SCALE = 2  # PNG pixels for each of the chart's


def pictures(
    reports: Sequence[Report],
    comparisons: Sequence[Comparison],
    fmt: Literal["png", "svg"],
    searches: Sequence[Found] = (),
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, bytes]:
    """Every chart of the page by its file name, in the light theme; `tell` hears how many of how many are drawn."""
    figures = contents(reports, comparisons, searches).figures()
    drawn = {}
    for number, figure in enumerate(figures, 1):
        drawn[f"{figure.name}.{fmt}"] = _picture(figure, fmt)
        tell(number, len(figures))
    return drawn


def _picture(figure: Figure, fmt: Literal["png", "svg"]) -> bytes:
    text = json.dumps(_complete(figure), ensure_ascii=False)
    specification = theme.painted(text)
    if fmt == "svg":
        return str(vl_convert.vegalite_to_svg(specification)).encode()
    return bytes(vl_convert.vegalite_to_png(specification, scale=_SCALE))


def _complete(figure: Figure) -> dict[str, Any]:
    """A chart that stands alone: with a title, a width, a background and the common look."""
    title = {"text": shown(figure.title), "anchor": "start", "color": theme.colour("text"), "fontSize": 14}
    config = {**theme.config(), "background": theme.colour("page"), "padding": 12}
    about = {"width": _WIDTH, "title": title, "description": shown(figure.about), "config": config}
    return {**figure.specification(), **about}
