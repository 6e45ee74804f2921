"""
The server's settings for the tests of faults: as they are, and with what MUTANT or CRASH names
built in (see tests/faults/apps.py). Nothing outside the tests reads either.
"""

import os

from messenger.settings import *  # noqa: F403
from messenger.settings import INSTALLED_APPS as REAL

INSTALLED_APPS = list(REAL)
if os.environ.get("MUTANT") or os.environ.get("CRASH"):
    INSTALLED_APPS.append("tests.faults")
