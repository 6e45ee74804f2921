"""Builds a mistake or a crash into the server as it starts; only tests.faults.settings has it."""

import os

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        if point := os.environ.get("CRASH"):
            from tests.faults import crashes

            crashes.install(point)
        if name := os.environ.get("MUTANT"):
            from tests.faults import mutants

            mutants.install(name)
