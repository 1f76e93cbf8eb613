"""docs/reference/licences.md lists all that is installed, and says of each under which licence."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
PAGE = (ROOT / "docs/reference/licences.md").read_text()
LISTED = {re.sub(r"[-_.]+", "-", name).lower(): said for name, said in ROW.findall(PAGE)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED_FOR = [Requirement(one) for some in PROJECT["optional-dependencies"].values() for one in some]
ASKED_FOR += [Requirement(one) for one in PROJECT["dependencies"]]
PINNED = re.findall(r"^([^#\s]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
AUDIT = re.findall(r"([a-z]+)==", (ROOT / "scripts/audit").read_text())
SERVERS = re.findall(r"^\w+=(\w+)[@=]", (ROOT / "scripts/servers.sh").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "name", sorted({*PINNED, *SERVERS, *AUDIT, *(one.name for one in ASKED_FOR)} - {PROJECT["name"]})
)
def test_a_package_that_is_installed_is_in_the_list(name: str) -> None:
    assert re.sub(r"[-_.]+", "-", name).lower() in LISTED, "scripts/licences.py prints the page anew"


def test_every_licence_is_known_and_lets_the_project_be_under_mit() -> None:
    assert (len(SERVERS), len(AUDIT)) == (2, 2)
    refused = {name: said for name, said in LISTED.items() if re.search(r"GPL|BUSL|SSPL|not said|UNKNOWN", said)}
    assert refused == {}
