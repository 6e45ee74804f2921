"""What is installed is what is pinned, and nothing older than the last known holes."""

import re
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# When the table below was last compared with what has been published.
COMPARED = date(2026, 11, 21)
# The oldest version that may run, and what is the matter with the ones before it.
FLOORS = {
    "daphne": ("4.2.2", "CVE-2026-44545, CVE-2026-44546, PYSEC-2026-213"),
    "django": ("5.2.15", "CVE-2026-5766; CVE-2025-14550: repeated headers under ASGI"),
    "pyjwt": ("2.15.0", "CVE-2026-102275"),
    "djangorestframework-simplejwt": ("5.5.1", "CVE-2024-22513: tokens of disabled accounts"),
    "redis": ("4.5.3", "CVE-2023-28858: answers go to another's request"),
    "channels": ("4.3", "what we rely on of its layers' interface"),
    "channels-redis": ("4.3", "what messenger/realtime/layer.py takes from it"),
    "uvicorn": ("0.54", "what messenger/serving/uvicorn.py takes from it"),
    "websockets": ("17", "what messenger/serving/uvicorn.py takes from it"),
}
SUPPORTED = [(3, 11), (3, 12), (3, 13)]


def pins(path: Path) -> dict[str, str]:
    """The pinned version of each package. A line that pins none is a mistake."""
    found = {}
    for line in path.read_text().replace("\\\n", "").splitlines():
        line = re.sub(r"\s+--hash=\S+", "", line.partition("#")[0]).strip()
        if not line or line.startswith("-r"):
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==" and "*" not in pin.version, line
        if requirement.marker is None or requirement.marker.evaluate():
            found[requirement.name.lower()] = pin.version
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_installed_is_what_is_pinned(root: Path, name: str) -> None:
    pinned = pins(root / name)
    assert pinned and {package: version(package) for package in pinned} == pinned


@pytest.mark.parametrize("package", FLOORS)
def test_nothing_is_older_than_the_last_known_hole(root: Path, package: str) -> None:
    floor, reason = FLOORS[package]
    assert Version(version(package)) >= Version(floor), reason
    for name in ("requirements.txt", "requirements.lock"):
        assert Version(pins(root / name)[package]) >= Version(floor), (name, reason)


def test_the_table_has_a_reason_for_each_and_a_date() -> None:
    assert all(reason for _, reason in FLOORS.values())
    assert date(2026, 11, 1) <= COMPARED


def test_the_lock_is_of_these_requirements_and_has_a_hash_for_each(root: Path) -> None:
    text = (root / "requirements.lock").read_text()
    locked = pins(root / "requirements.lock")
    pinned = pins(root / "requirements.txt")
    assert {package: locked.get(package) for package in pinned} == pinned
    entries = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(entries) >= len(locked)
    assert not [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]


def test_it_runs_on_a_python_that_is_supported(root: Path) -> None:
    assert sys.version_info[:2] in SUPPORTED
    assert "Python 3.11–3.13" in (root / "README.md").read_text()
