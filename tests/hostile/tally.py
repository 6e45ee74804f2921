"""What was tried, and what it cost anybody: counted as the tests run, and printed after them."""

from collections import Counter
from typing import Any


class Tally:
    """The figures of a run."""

    def __init__(self) -> None:
        self.inputs: set[str] = set()
        self.places: set[str] = set()
        self.tried = Counter[str]()
        self.answers = Counter[str]()
        # Messages that bystanders should have heard, and did.
        self.said = 0
        self.heard = 0
        self.lost = 0

    def count(self, kind: str, place: str, name: Any, answer: Any = None) -> None:
        """
        One more input tried: of a `kind` ("REST", "frames", …), in a place, by its name. `answer`
        is the status or the code that came back.
        """
        self.inputs.add(f"{name}"[:200])
        self.places.add(f"{kind} {place}")
        self.tried[kind] += 1
        if answer is not None:
            self.answers[f"{answer}"] += 1

    @property
    def failures(self) -> int:
        """Answers that said that it was a mistake of ours."""
        return sum(n for answer, n in self.answers.items() if answer in OURS)

    def lines(self) -> list[str]:
        """The table."""
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.tried.items()))
        return [
            f"inputs                {len(self.inputs):>8,}",
            f"places                {len(self.places):>8,}",
            f"combinations tried    {self.tried.total():>8,}   {kinds}",
            f"answered with 5xx     {self.failures:>8,}",
            f"sockets lost          {self.lost:>8,}",
            f"bystanders' messages  {self.said:>8,}",
            f"bystanders' losses    {self.said - self.heard:>8,}",
        ]


# Codes and statuses that only a mistake of ours, or a service that is away, has. Others from 500 on
# say that there is no such method or version of HTTP (501, 505).
OURS = {"internal_error", "unavailable", "500", "502", "503", "504"}
tally = Tally()
