"""The page in a real browser, from disk and without a network, and its charts as files."""

import re
import shutil
import struct
import subprocess
import time
import zlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from loadtest.render.html.page import page
from loadtest.render.html.pictures import pictures
from tests.conftest import missing
from tests.helpers import drawn_reports as pages
from tests.helpers.html_document import Document
from tests.unit.render.test_html import hostile

pytestmark = pytest.mark.slow  # a browser takes seconds for each page

RACE, LOAD = pages.race(), pages.load()
REPORTS, CELLS = pages.twelve_cells()
FEW = replace(CELLS, cells=CELLS.cells[:4], differences=[])
SUBJECTS = {
    "race": ([RACE], []),
    "violated": ([pages.violated()], []),
    "load": ([LOAD], []),
    "cells": (REPORTS, [CELLS]),
    "hostile": ([hostile()], [pages.hostile_comparison()]),
}
_OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --v=0 --virtual-time-budget=10000 --dump-dom"
)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        missing("chromium")
    return str(found)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, (reports, comparisons) in SUBJECTS.items():
        text = page(reports, comparisons).replace("<details>", "<details open>")  # what is closed is not drawn
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in SUBJECTS}


def shown(chromium: str, path: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """The document once its scripts have run, and what they said on the console."""
    done = subprocess.run(
        [chromium, *_OPTIONS.split(), f"--user-data-dir={profile}", *options, path.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_chart_is_drawn_in_a_browser(chromium: str, written: dict[str, Path], tmp_path: Path, name: str) -> None:
    dom, said = shown(chromium, written[name], tmp_path)
    assert said == []
    charts = dom.split('<div class="chart')[1:]
    assert len(charts) == len([of for of in Document(dom).all("div") if "data-chart" in of])
    assert len(charts) >= {"cells": 90, "load": 9}.get(name, 3)
    for chart in charts:
        drawing = chart.split("<svg", 1)[1].split("</svg>", 1)[0]
        assert re.search(r'class="mark-(line|symbol|rect) role-mark.*?<path[^>]* d="M[^"]+', drawing, re.DOTALL)
        assert "NaN" not in drawing
        assert "var(--" in drawing  # the colours follow the reader's theme


@pytest.mark.parametrize("name", ["violated", "cells"])
def test_page_fits_a_phone(chromium: str, written: dict[str, Path], tmp_path: Path, name: str) -> None:
    narrow = tmp_path / "narrow.html"
    frame = f'<iframe src="{written[name].as_uri()}" style="width:375px;height:800px;border:0"></iframe>'
    measure = (
        "<script>onload = () => setTimeout(() => { const page = frames[0].document.documentElement; "
        "document.title = `${page.clientWidth} ${page.scrollWidth}`; }, 3000)</script>"
    )
    narrow.write_text(f"<title></title>{frame}{measure}", encoding="utf-8")
    dom, _ = shown(chromium, narrow, tmp_path / "profile", "--allow-file-access-from-files")
    title = re.search("<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1] == "375 375" or title[1] == "360 360"  # with and without room for a scroll bar


def test_page_of_twelve_cells_is_small_and_soon_made() -> None:
    started = time.process_time()
    size = len(page(REPORTS, [CELLS]).encode())
    assert size < 1_500_000
    assert time.process_time() - started < 10  # 3 s of processor time where it was measured


@pytest.mark.parametrize("name", ["race", "load", "cells"])
def test_pictures_are_drawn_without_a_browser(name: str) -> None:
    reports, comparisons = {"race": ([RACE], []), "load": ([LOAD], []), "cells": ([], [FEW])}[name]
    for fmt in ("png", "svg"):
        found = pictures(reports, comparisons, "png" if fmt == "png" else "svg")
        assert len(found) >= 3
        for file, content in found.items():
            assert re.fullmatch(rf"[a-z0-9-]+\.{fmt}", file)
            check_png(content) if fmt == "png" else check_svg(content.decode())


def check_svg(text: str) -> None:
    assert text.startswith("<svg")
    assert "var(--" not in text
    assert "NaN" not in text


def check_png(content: bytes) -> None:
    assert content.startswith(PNG)
    width, height = struct.unpack(">II", content[16:24])
    assert 1_000 < width < 2_000
    assert 100 < height < 1_600
    chunks, at = b"", 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            chunks += content[at + 8 : at + 8 + length]
        at += 12 + length
    assert len(set(zlib.decompress(chunks))) > 50
