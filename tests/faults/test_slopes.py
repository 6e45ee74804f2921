"""The soak's eye: what rises is seen to rise, what does not is not accused."""

import math

import pytest

from tests.faults.slopes import Series, line

pytestmark = pytest.mark.once


def hour(value: float, rise: float, noise: float = 0.0, minutes: int = 60) -> Series:
    """A sample every 10 s; `rise` is by the hour, `noise` goes up and down."""
    series = Series("memory", "MB", ceiling=1_000.0)
    for second in range(0, minutes * 60 + 1, 10):
        wave = noise * math.sin(second)
        series.add(float(second), second * 30, value + rise * second / 3600 + wave)
    return series


def test_the_slope_of_a_straight_line_is_its_own() -> None:
    found = line([(x, 3 + 0.5 * x) for x in range(10)])
    assert found is not None
    assert found.slope == pytest.approx(0.5)
    assert found.error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("points", [[], [(1.0, 1.0), (2.0, 2.0)], [(1.0, 1.0)] * 5])
def test_what_makes_no_line_has_no_slope(points: list[tuple[float, float]]) -> None:
    assert line(points) is None


def test_a_leak_of_two_percent_in_an_hour_is_found_under_noise() -> None:
    leaking = hour(100, 2.5, noise=1)
    assert leaking.word == "rises"
    assert not leaking.passed


def test_noise_alone_is_flat() -> None:
    assert hour(100, 0, noise=1).word == "flat"


def test_a_slope_within_the_error_is_said_to_be_unsure_and_passes() -> None:
    unsure = hour(100, 0.9, noise=30)
    assert unsure.word == "not sure"
    assert unsure.passed


def test_ten_minutes_say_nothing_about_a_slope_but_still_have_a_ceiling() -> None:
    short = hour(100, 60, minutes=10)
    assert short.word == "too short"
    assert short.passed
    short.ceiling = 105
    assert not short.passed


def test_what_is_meant_to_grow_may() -> None:
    growing = hour(10, 50)
    growing.grows = True
    assert growing.word == "rises"
    assert growing.passed


def test_warming_up_is_left_out_but_no_more_than_a_third() -> None:
    assert hour(100, 0).warm(600).minutes == 50
    assert hour(100, 0, minutes=12).warm(600).minutes == 8


def test_slopes_by_messages_are_for_each_thousand() -> None:
    found = hour(10, 3.6).by_messages()
    assert found is not None
    # 3.6 in an hour of 108,000 messages.
    assert found.slope == pytest.approx(3.6 / 108)
