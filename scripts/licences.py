"""Prints docs/reference/licences.md: what the project installs, under which licences, as the packages themselves say.

Run it where the development environment and the servers of the tests are: .venv/bin/python scripts/licences.py
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
_HEAD = """\
# Licences

`loadtest` itself is under the MIT licence. It carries no code of others; what it installs keeps its own terms. This
page is printed by `scripts/licences.py` from what the packages say of themselves, in the versions of `constraints.txt`.

- [Python packages](#python-packages) · [MiniStack's environment](#ministacks-environment) ·
  [The audit's environment](#the-audits-environment) · [npm packages](#npm-packages) ·
  [Debian packages](#debian-packages) · [In the pages](#in-the-pages) · [Not installed](#not-installed)

## Python packages

All that the development environment has; `pip install dynamodb-loadtest` and its extras bring a part of them. Tests,
checks and mutation bring the others. The package itself is built with hatchling (MIT).
"""
_DEBIAN = """
## Debian packages

`.ci/run` installs them where they are missing; users need none.

| package | licence |
|---|---|
| chromium | BSD-3-Clause, and those of its parts |
| nodejs (comes with npm) | MIT, and those of its parts |
| npm | Artistic-2.0, and those of its parts |

## In the pages

The HTML page of `loadtest report` holds its charts' JavaScript, which the package `vl-convert-python` brings, so
whoever passes a page on passes that on as well: Vega, Vega-Lite and Vega-Embed (BSD-3-Clause) with what they bundle,
above all parts of D3 (ISC, BSD-3-Clause; the others MIT and the like). The page's own script and style are the
project's.

## Not installed

DynamoDB Local comes under its vendor's own terms, which let nobody pass it on. Nothing here fetches, runs or contains
it; [race a server](../how-to/race-a-server.md#dynamodb-local) says what is known of it. Terraform, which
`scripts/check` uses where it is there, is under the Business Source License 1.1, and its AWS provider under MPL-2.0;
they too are yours to install.
"""
_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def main() -> None:
    """Print the page."""
    ours = ((one.name, one.version, licence(one)) for one in distributions())
    sys.stdout.write(_HEAD)
    _table((name, version, said) for name, version, said in ours if name != "dynamodb-loadtest")
    sys.stdout.write("\n## MiniStack's environment\n\n`scripts/test` makes it in `.tools/ministack`.\n")
    _table(_installed(ROOT / ".tools/ministack"))
    sys.stdout.write("\n## The audit's environment\n\n`scripts/audit` makes it in `.tools/audit`.\n")
    _table(_installed(ROOT / ".tools/audit"))
    sys.stdout.write(
        "\n## npm packages\n\n`scripts/test` installs dynalite, with what it needs, in `.tools/dynalite`.\n"
    )
    _table(_npm(ROOT / ".tools/dynalite/node_modules"))
    sys.stdout.write(_DEBIAN)


def licence(package: Distribution) -> str:
    """What it says: as an SPDX expression, else its classifiers, else the first line of its field, else its file."""
    said = package.metadata
    if expression := said.get("License-Expression"):
        return str(expression)
    classes = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or () if one.startswith("License ::")]
    if classes := [one for one in classes if one != "OSI Approved"]:
        return " or ".join(dict.fromkeys(_NAMES.get(one, one) for one in classes))
    if first := (said.get("License") or "").strip().partition("\n")[0]:
        return _NAMES.get(first, first)
    texts = [file.read_text() for file in package.files or () if file.name.startswith("LICENSE")]
    return "Apache-2.0" if any("Apache License" in text and "Version 2.0" in text for text in texts) else "not said"


def _installed(environment: Path) -> Iterator[tuple[str, str, str]]:
    """All packages of a virtual environment."""
    for one in distributions(path=[str(path) for path in environment.glob("lib/*/site-packages")]):
        yield one.name, one.version, licence(one)


def _npm(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Every package below it, as package-lock.json has them."""
    for place in json.loads((folder / ".package-lock.json").read_text())["packages"]:
        said = json.loads((folder.parent / place / "package.json").read_text())
        given = said.get("license") or said.get("licenses") or "not said"
        each = given if isinstance(given, list) else [given]
        yield said["name"], said["version"], " or ".join(one if isinstance(one, str) else one["type"] for one in each)


def _table(rows: Iterator[tuple[str, str, str]]) -> None:
    sys.stdout.write("\n| package | version | licence |\n|---|---|---|\n")
    for name, version, said in sorted(set(rows), key=lambda row: (re.sub(r"[-_.]+", "-", row[0]).lower(), row[1])):
        sys.stdout.write(f"| {name} | {version} | {said} |\n")


if __name__ == "__main__":
    main()
