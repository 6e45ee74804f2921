"""What MUTANT and CRASH build in: nothing in the real server, and all of it here."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests.faults.checker import ANOMALIES
from tests.faults.crashes import POINTS
from tests.faults.mutants import MUTANTS

pytestmark = pytest.mark.once

BUILT_IN = "tests.faults.settings"

PROBE = """
import django
django.setup()
from messaging import sending
print(sending._send_together.__module__, sending.changes_to.__module__)
"""
INSTALL_ALL = """
import django
django.setup()
from tests.faults import crashes, mutants
for name in mutants.MUTANTS:
    mutants.install(name)
for point in crashes.POINTS:
    crashes.install(point)
print("all")
"""


def run(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_only_the_settings_of_these_tests_build_a_mistake_in() -> None:
    wanted = {"MUTANT": "ack_before_commit", "CRASH": "send.locked"}
    real = run(PROBE, DJANGO_SETTINGS_MODULE="messenger.settings", **wanted)
    assert real == "messaging.sending chats.changes"
    built_in = run(PROBE, DJANGO_SETTINGS_MODULE=BUILT_IN, **wanted)
    assert built_in == "tests.faults.patches tests.faults.patches"


def test_every_anomaly_is_what_some_mistake_leads_to() -> None:
    assert {mutant.anomaly for mutant in MUTANTS.values()} == set(ANOMALIES)


def test_the_code_that_each_of_them_replaces_is_still_there() -> None:
    assert POINTS
    assert run(INSTALL_ALL, DJANGO_SETTINGS_MODULE="messenger.settings") == "all"
