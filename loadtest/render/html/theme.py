"""Colours and lines of the page and its pictures: one table for each theme, and the charts' common look.

A chart names its colours as CSS variables, so a page drawn once follows the reader's theme; a picture, which stands
alone, has them replaced by the light theme's. The outcomes' hues are Okabe and Ito's, which colour-blind readers tell
apart (https://jfly.uni-koeln.de/color/), darkened or lightened until they stand out from their background; shapes and
dashes say the same once more.
"""

from typing import Any

LIGHT = {
    "page": "#ffffff",
    "panel": "#f4f5f7",
    "text": "#1a1d21",
    "quiet": "#565d66",
    "line": "#d5d9de",
    "edge": "#878e98",
    "link": "#0b57b0",
    "safe": "#00674c",
    "violated": "#a82a00",
    "inconclusive": "#7a4f00",
    "accepted": "#008f68",
    "rejected": "#0072b2",
    "throttled": "#b07500",
    "failed": "#cf4a00",
    "unknown": "#b4568c",
    "dropped": "#6b6f76",
}
DARK = {
    "page": "#14171b",
    "panel": "#1e2228",
    "text": "#e8eaed",
    "quiet": "#a9b0ba",
    "line": "#353b44",
    "edge": "#7b838f",
    "link": "#8ab8f5",
    "safe": "#4cd3a5",
    "violated": "#ff9466",
    "inconclusive": "#f3c04b",
    "accepted": "#2ec596",
    "rejected": "#56b4e9",
    "throttled": "#efb32f",
    "failed": "#ff7f45",
    "unknown": "#e39ac4",
    "dropped": "#a4a9b1",
}

OUTCOMES = ("accepted", "rejected", "throttled", "failed", "unknown", "dropped")
DASHES: dict[str, tuple[int, ...]] = {
    "accepted": (1, 0),
    "rejected": (7, 3),
    "throttled": (2, 2),
    "failed": (9, 3, 2, 3),
    "unknown": (4, 4),
    "dropped": (1, 4),
}
SHAPES = {
    "accepted": "circle",
    "rejected": "square",
    "throttled": "diamond",
    "failed": "cross",
    "unknown": "triangle-up",
    "dropped": "triangle-down",
}
AUTOSIZE = {"type": "fit-x", "contains": "padding"}  # as wide as its place, as high as it needs
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


def colour(name: str) -> str:
    """A colour as a chart names it."""
    return f"var(--{name})"


def of_group(index: int) -> tuple[str, str]:
    """The colour and the shape of the n-th group of cells; they repeat after six."""
    name = ("rejected", "failed", "accepted", "unknown", "throttled", "dropped")[index % 6]
    return colour(name), SHAPES[name]


def css() -> str:
    """The themes as CSS variables: light, dark where the reader prefers it, and always light on paper."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in theme.items()) for theme in (LIGHT, DARK))
    return (
        f":root{{{light};color-scheme:light dark}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        "@media print{:root{color-scheme:light}}\n"
    )


def painted(text: str) -> str:
    """The same specification in the light theme's colours."""
    for name, value in LIGHT.items():
        text = text.replace(colour(name), value)
    return text


def config() -> dict[str, Any]:
    """What all charts have in common, as a Vega-Lite configuration."""
    return {
        "font": _FONT,
        "background": None,
        "view": {"stroke": None},
        "axis": {
            "labelColor": colour("quiet"),
            "titleColor": colour("quiet"),
            "domainColor": colour("edge"),
            "tickColor": colour("edge"),
            "gridColor": colour("line"),
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "labelLimit": 170,
        },
        "legend": {
            "orient": "top",
            "title": None,
            "direction": "horizontal",
            "columns": {"expr": "width < 420 ? 2 : 4"},
            "labelColor": colour("text"),
            "labelFontSize": 12,
            "labelLimit": 150,
            "symbolStrokeWidth": 2,
            "symbolSize": 80,
            "columnPadding": 14,
            "rowPadding": 3,
            "padding": 0,
            "offset": 8,
        },
        "line": {"strokeWidth": 2, "strokeCap": "butt", "strokeJoin": "round"},
        "text": {"color": colour("text"), "fontSize": 11},
    }
