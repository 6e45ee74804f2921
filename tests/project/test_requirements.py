"""What is installed is what is pinned, and nothing older than the last known holes."""

from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# Below these there are published vulnerabilities that concern us, or what we rely on is missing.
FLOORS = {
    "daphne": "4.2.2",
    "django": "5.2.15",
    "pyjwt": "2.15.0",
    "djangorestframework-simplejwt": "5.5.1",
    "channels": "4.3",
    "redis": "4.5.3",
}


def pins(path: Path) -> dict[str, str]:
    """The pinned version of each package. A line that pins none is a mistake."""
    found = {}
    for line in path.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if not line or line.startswith("-r"):
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        if requirement.marker is None or requirement.marker.evaluate():
            found[requirement.name.lower()] = pin.version
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_installed_is_what_is_pinned(root: Path, name: str) -> None:
    pinned = pins(root / name)
    assert pinned and {package: version(package) for package in pinned} == pinned


def test_nothing_is_older_than_the_last_known_hole(root: Path) -> None:
    pinned = pins(root / "requirements.txt")
    assert {name for name in FLOORS if Version(pinned[name]) < Version(FLOORS[name])} == set()
