"""The figures of a run, for a terminal and as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from tests.faults.checker import ANOMALIES
from tests.faults.figures import Times
from tests.faults.matrix.base import Bar, Outcome

HEADINGS = (
    "fault",
    "cycles",
    "messages",
    "acknowledged",
    "no answer",
    "recovered",
    "lost",
    "doubled",
    "other",
    "ack p50 / p99",
    "gap",
    "5xx",
    "away p95",
    "back p95",
    "converged p95 / max",
    "",
)


def rows(outcomes: Iterable[Outcome]) -> list[list[str]]:
    """One row for each fault, as `HEADINGS`."""
    return [_row(outcome) for outcome in outcomes]


def _row(outcome: Outcome) -> list[str]:
    figures, counts = outcome.verdict.figures, outcome.verdict.counts
    other = sum(counts.values()) - counts["lost"] - counts["duplicate"]
    return [
        f"{outcome.fault.name} {outcome.fault.title}",
        f"{outcome.plan.cycles} × {outcome.plan.hold:g} s",
        f"{figures.sends:,}",
        f"{figures.acked:,}",
        f"{figures.info:,}",
        f"{figures.recovered:,}",
        str(counts["lost"]),
        str(counts["duplicate"]),
        str(other),
        f"{_ms(figures.ack, 50)} / {_ms(figures.ack, 99)}",
        f"{figures.gap:.1f} s",
        f"{figures.error_share:.2%}",
        _s(figures.away, 95),
        _s(figures.back, 95),
        f"{_s(figures.converge, 95)} / {_s(figures.converge, 100)}",
        "passed" if outcome.passed else "FAILED",
    ]


def _ms(times: Times, percent: float) -> str:
    value = times.at(percent)
    return "–" if value is None else f"{value * 1000:.0f} ms"


def _s(times: Times, percent: float) -> str:
    value = times.at(percent)
    return "–" if value is None else f"{value:.2f} s"


def table(outcomes: Sequence[Outcome]) -> str:
    """For a terminal."""
    lines = [list(HEADINGS), *rows(outcomes)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def markdown(
    outcomes: Sequence[Outcome], profile: str, left_out: Mapping[str, str] | None = None
) -> str:
    """
    A section of a page: the table, the bars of each fault, what the checker counted, and which
    faults were left out, and why.
    """
    counted = [outcome.verdict.counts for outcome in outcomes]
    found = {anomaly: sum(counts[anomaly] for counts in counted) for anomaly in ANOMALIES}
    parts = [
        f"Profile `{profile}`, {', '.join(sorted({one.server for one in outcomes}))}.",
        _markdown(HEADINGS, rows(outcomes)),
        _markdown(
            ("fault", "measured", "", "bar", ""),
            [_bar(outcome, bar) for outcome in outcomes for bar in outcome.bars],
        ),
        "What the checker counted, over all faults:",
        _markdown(("anomaly", "found"), [[name, str(count)] for name, count in found.items()]),
        *(f"{name} was left out: {why}." for name, why in (left_out or {}).items()),
    ]
    return "\n\n".join(parts) + "\n"


def _bar(outcome: Outcome, bar: Bar) -> list[str]:
    value = "not measured" if bar.value is None else f"{bar.value:.4g} {bar.unit}".strip()
    limit = f"{'at least' if bar.least else 'at most'} {bar.limit:g} {bar.unit}".strip()
    return [outcome.fault.name, bar.name, value, limit, "passed" if bar.passed else "MISSED"]


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
