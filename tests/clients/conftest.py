"""The clients are packages of their own, and are tested against servers that run."""

import sys
from pathlib import Path

from tests.live.conftest import running, server  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))
