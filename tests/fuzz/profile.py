"""How much is done: a little, the same each time, or everything, by chance (`FUZZ=full`)."""

import os
from pathlib import Path

FULL = os.environ.get("FUZZ") == "full"
# Runs of the state machine, and steps in each.
EXAMPLES, STEPS = (200, 40) if FULL else (8, 25)
# Mutated frames, and values for each function that reads what clients send.
FRAMES = 20_000 if FULL else 500
VALUES = 50_000 if FULL else 100
# Where `python -m tests.fuzz` finds the figures.
FIGURES = os.environ.get("FUZZ_FIGURES")


def report(what: str, **figures: object) -> None:
    """A line of figures, for who asked for it."""
    if FIGURES:
        said = ", ".join(f"{name} {value}" for name, value in figures.items())
        with Path(FIGURES).open("a") as file:
            file.write(f"{what}: {said}\n")
