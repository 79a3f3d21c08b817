# SPDX-License-Identifier: Apache-2.0
"""Calling windows in C against Python's zoneinfo, over every zone of the tzdata: a window is open at an instant exactly when
the zone's clocks then show a time inside it."""

from __future__ import annotations

import dataclasses
import datetime
import random
import zoneinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import probe

UTC = datetime.timezone.utc
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTE, HOUR, DAY = 60, 3600, 86400
# What Python knows beside the names that Carillon takes: no places.
NO_PLACES = {"Factory", "localtime"}
ZONES = sorted(name for name in zoneinfo.available_timezones() if name not in NO_PLACES)
NOON_OF_2026 = 1767268800


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@dataclasses.dataclass(frozen=True)
class Window:
    start: str
    end: str
    zone: str
    days: tuple[str, ...] = tuple(DAYS)
    closed: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "timezone": self.zone, "days": list(self.days),
                "closedDates": list(self.closed)}

    def _starts_on(self, date: datetime.date) -> bool:
        return DAYS[date.weekday()] in self.days and date.isoformat() not in self.closed

    def is_open(self, instant: int) -> bool:
        """By what a clock in the zone shows, and nothing else."""
        wall = datetime.datetime.fromtimestamp(instant, zoneinfo.ZoneInfo(self.zone))
        shown = wall.hour * 60 + wall.minute
        start, end = minutes(self.start), minutes(self.end)
        if start < end:
            return start <= shown < end and self._starts_on(wall.date())
        if shown >= start:
            return self._starts_on(wall.date())
        return shown < end and self._starts_on(wall.date() - datetime.timedelta(days=1))

    def edges(self, first: int, end: int) -> set[int]:
        """Instants at and beside those at which it may open or close, on both sides of each fold."""
        zone, found = zoneinfo.ZoneInfo(self.zone), set()
        date = datetime.datetime.fromtimestamp(first, zone).date() - datetime.timedelta(days=1)
        last = datetime.datetime.fromtimestamp(end, zone).date() + datetime.timedelta(days=1)
        while date <= last:
            midnight = datetime.datetime.combine(date, datetime.time())
            for minute in (minutes(self.start), minutes(self.end)):
                for fold in (0, 1):
                    wall = (midnight + datetime.timedelta(minutes=minute)).replace(tzinfo=zone, fold=fold)
                    at = int(wall.timestamp())
                    found |= {at - MINUTE, at - 1, at, at + MINUTE}
            date += datetime.timedelta(days=1)
        return {at for at in found if first <= at < end}


def changes(zone_name: str, first: int, end: int) -> list[int]:
    """When the zone's offset changes, by halving."""
    zone, found = zoneinfo.ZoneInfo(zone_name), []

    def offset(at: int) -> datetime.timedelta | None:
        return datetime.datetime.fromtimestamp(at, zone).utcoffset()

    for at in range(first, end, 7 * DAY):
        low, high = at, at + 7 * DAY
        if offset(low) != offset(high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high)
    return found


def check(cases: list[tuple[Window, int, int]]) -> None:
    """Asks C for the hours of each window in [first, end), and the clock about every instant at which they could be wrong."""
    answers = probe.window_hours([(window.json(), first * 1000, end * 1000, 4096) for window, first, end in cases])
    for (window, first, end), answer in zip(cases, answers, strict=True):
        assert answer is not None, window
        known, hours = answer
        assert known == end * 1000
        assert all(a % 1000 == 0 and b % 1000 == 0 for a, b in hours)
        assert all(a < b for a, b in hours)
        assert all(before[1] < after[0] for before, after in zip(hours, hours[1:]))
        assert not hours or (hours[0][0] >= first * 1000 and hours[-1][1] <= end * 1000)
        asked = window.edges(first, end) | {at // 1000 + near for pair in hours for at in pair for near in (-1, 0)}
        asked |= set(range(first, end, 47 * MINUTE))
        asked |= {change + near for change in changes(window.zone, first, end) for near in (-1, 0)}
        for at in asked:
            if first <= at < end:
                is_open = any(a <= at * 1000 < b for a, b in hours)
                assert is_open == window.is_open(at), (window, datetime.datetime.fromtimestamp(at, UTC), hours)


def random_window(chance: random.Random, zone: str, near: int) -> Window:
    """Where the clocks change it opens or closes beside the change more often than not."""
    clock = datetime.datetime.fromtimestamp(near, zoneinfo.ZoneInfo(zone))
    shown = clock.hour * 60 + clock.minute

    def time_of_day(last: int) -> int:
        return chance.choice([chance.randint(0, last), (shown + chance.randint(-90, 90)) % 1440])

    start = time_of_day(1439)
    end = chance.choice([1440, 0, time_of_day(1440)])
    if start == end:
        end = (start + 30) % 1440
    dates = [(clock + datetime.timedelta(days=chance.randint(-3, 3))).date().isoformat() for _ in range(chance.randint(0, 2))]
    days = tuple(day for day in DAYS if chance.random() < 0.8) or ("sun",)
    return Window(f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", zone, days, tuple(dates))


@pytest.mark.parametrize("part", range(4))
def test_in_every_zone_a_window_is_open_when_the_clock_shows_a_time_inside_it(part: int) -> None:
    chance = random.Random(part)
    cases = []
    for zone in ZONES[part::4]:
        # The clock changes of two years, and an ordinary day.
        for at in [*changes(zone, NOON_OF_2026, NOON_OF_2026 + 730 * DAY), NOON_OF_2026 + chance.randint(0, 700) * DAY]:
            cases.append((random_window(chance, zone, at), at - 2 * DAY - chance.randint(0, DAY), at + 3 * DAY))
    assert len(cases) > 150
    check(cases)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_window_at_any_time_is_open_when_the_clock_shows_a_time_inside_it(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES))
    year = data.draw(st.integers(2000, 2036))
    turns = changes(zone, int(datetime.datetime(year, 1, 1, tzinfo=UTC).timestamp()), int(datetime.datetime(year, 12, 31, tzinfo=UTC).timestamp()))
    near = data.draw(st.sampled_from(turns)) if turns else int(datetime.datetime(year, 6, 1, tzinfo=UTC).timestamp())
    start = data.draw(st.integers(0, 1439))
    end = data.draw(st.integers(0, 1440).filter(lambda minute: minute != start))
    days = data.draw(st.sets(st.sampled_from(DAYS), min_size=1))
    around = datetime.datetime.fromtimestamp(near, UTC).date()
    closed = data.draw(st.sets(st.integers(-4, 4).map(lambda n: (around + datetime.timedelta(days=n)).isoformat()), max_size=4))
    window = Window(f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", zone,
                    tuple(sorted(days)), tuple(sorted(closed)))
    first = near - data.draw(st.integers(0, 3 * DAY))
    check([(window, first, first + data.draw(st.integers(1, 8 * DAY)))])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_hours_asked_for_piece_by_piece_are_the_same_hours(data: st.DataObject) -> None:
    """What a worker publishes later joins what was published before."""
    zone = data.draw(st.sampled_from(ZONES))
    window = random_window(random.Random(data.draw(st.integers(0, 10**6))), zone, NOON_OF_2026)
    first = NOON_OF_2026 + data.draw(st.integers(0, 3000)) * DAY
    end, most = first + 40 * DAY, data.draw(st.integers(1, 5))
    (whole,) = probe.window_hours([(window.json(), first * 1000, end * 1000, 4096)])
    assert whole is not None
    pieces: probe.Hours = []
    at = first * 1000
    while at < end * 1000:
        (piece,) = probe.window_hours([(window.json(), at, end * 1000, most)])
        assert piece is not None and at < piece[0] <= end * 1000 and len(piece[1]) <= most
        pieces += piece[1]
        at = piece[0]
    assert pieces == whole[1]
