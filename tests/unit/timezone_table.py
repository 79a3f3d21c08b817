#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes timezone_table.inc: what Python's zoneinfo, another reader of the same database, makes of wall times around clock
changes. Run it again when a zone is added; changes of the law change the table as little as they change the past.

    tests/unit/timezone_table.py > tests/unit/timezone_table.inc
"""

import datetime
import zoneinfo

UTC = datetime.timezone.utc
# Zone, and days around which its clocks change (or do not).
CASES = {
    "America/New_York": ["2025-03-09", "2025-11-02", "2026-07-01", "2045-03-12", "2045-11-05"],
    "Europe/London": ["2025-03-30", "2025-10-26", "2026-01-15"],
    "Europe/Dublin": ["2025-03-30", "2025-10-26"],  # negative daylight saving time
    "Australia/Lord_Howe": ["2025-04-06", "2025-10-05"],  # by half an hour
    "America/St_Johns": ["2025-03-09", "2025-11-02"],
    "Pacific/Chatham": ["2025-04-06", "2025-09-28"],
    "Africa/Casablanca": ["2026-02-15", "2026-03-22"],
    "Pacific/Apia": ["2011-12-30"],  # a day that never was
    "Asia/Kolkata": ["2025-06-01"],
    "Asia/Kathmandu": ["2025-06-01"],
    "UTC": ["2025-03-30"],
    "Etc/GMT+5": ["2025-03-30"],
}
SECOND = datetime.timedelta(seconds=1)


def offset(zone: zoneinfo.ZoneInfo, instant: int) -> int:
    return int(datetime.datetime.fromtimestamp(instant, zone).utcoffset().total_seconds())


def change_between(zone: zoneinfo.ZoneInfo, low: int, high: int) -> int:
    """The first instant with the new offset."""
    old = offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(zone, middle) == old:
            low = middle
        else:
            high = middle
    return high


def as_utc(wall: datetime.datetime) -> int:
    return int(wall.replace(tzinfo=UTC).timestamp())


def read(zone: zoneinfo.ZoneInfo, wall: datetime.datetime) -> tuple[int, str]:
    early, late = (int(wall.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds()) for fold in (0, 1))
    if early == late:
        return as_utc(wall) - early, "PLAIN"
    if early > late:
        return as_utc(wall) - early, "FOLD"
    return change_between(zone, as_utc(wall) - late - 1, as_utc(wall) - early + 1), "GAP"


def walls(zone: zoneinfo.ZoneInfo, day: str) -> list[datetime.datetime]:
    start = datetime.datetime.fromisoformat(day)
    found = {start + datetime.timedelta(hours=12), start, start + datetime.timedelta(hours=23, minutes=59, seconds=59)}
    low, high = as_utc(start) - 30 * 3600, as_utc(start) + 54 * 3600
    if offset(zone, low) != offset(zone, high):
        change = change_between(zone, low, high)
        before = datetime.datetime.fromtimestamp(change + offset(zone, change - 1), UTC).replace(tzinfo=None)
        after = datetime.datetime.fromtimestamp(change + offset(zone, change), UTC).replace(tzinfo=None)
        edges = [before, after, before + (after - before) / 2]
        found |= {edge + step for edge in edges for step in (-SECOND, 0 * SECOND, SECOND)}
    return sorted(found)


def main() -> None:
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by tests/unit/timezone_table.py: do not edit. */")
    for name, days in CASES.items():
        zone = zoneinfo.ZoneInfo(name)
        for day in days:
            for wall in walls(zone, day):
                instant, reading = read(zone, wall)
                print(f'{{"{name}", "{wall.isoformat()}", INT64_C({instant}), TIMEZONE_READING_{reading}}},')


if __name__ == "__main__":
    main()
