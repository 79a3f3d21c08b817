# SPDX-License-Identifier: Apache-2.0
"""What happens in a run: the campaigns that are submitted, the platform that rings them, and which faults strike when. All
of it follows from the seed and the kinds of fault there are; the same on every machine.

    schedule = Schedule.from_seed(7, KINDS)
    print(schedule)

A kind of fault is what a module of tests/chaos/faults registers in its KINDS.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tests.support.history import Break

if TYPE_CHECKING:
    from tests.chaos.judge import RunHistory
    from tests.chaos.fleet import Fleet

Args = dict[str, int | str]

WORKERS, PRODUCERS, NOTIFIERS = 3, 2, 2
PROCESSES = (
    *(f"worker {i + 1}" for i in range(WORKERS)),
    *(f"producer {i + 1}" for i in range(PRODUCERS)),
    *(f"notifier {i + 1}" for i in range(NOTIFIERS)),
)
# The lines that are no process's own: to the platform, from it to the workers, and to the receiver of webhooks.
SHARED_LINES = ("carrier", "callbacks", "receiver")

FIRST_FAULT_MS = 500
LAST_FAULT_MS = 15_000
REST_MS = 1_000  # between two faults of one target
FIRST_NUMBER = 15_550_100_000
NUMBERS_OF_A_BATCH = 1_000


@dataclasses.dataclass(frozen=True)
class World:
    """What a run takes place in. `redis`: `plain`, or `sentinel` for a primary, a replica and three Sentinels; `platform`:
    whose API the carrier speaks."""

    redis: str
    platform: str

    @property
    def lines(self) -> tuple[str, ...]:
        """Those that a fault may break. With Sentinel processes go to whatever it names."""
        own = tuple(f"redis of {process}" for process in PROCESSES) if self.redis == "plain" else ()
        return (*own, *SHARED_LINES)


@dataclasses.dataclass(frozen=True)
class Strike:
    """A fault that struck: when it began and was undone, in wall time."""

    fault: Fault
    began_us: int
    ended_us: int


def _always(broken: Break, strike: Strike, history: RunHistory) -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class Allowance:
    """A promise that a kind of fault may break by nature. `promise`: a counter of the judge; `statement`: the words of
    docs/failure-model.md that say so; `covers`: whether that break is that fault's doing."""

    promise: str
    statement: str
    covers: Callable[[Break, Strike, RunHistory], bool] = _always


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of fault.

    `weight`: how often it is drawn, beside the others' weights. `draw` gives its arguments: `target`, of which one fault
    strikes at a time (a process, `redis`, a line ...), `for_ms`, how long it lasts, and whatever `apply` needs besides.
    `apply` does it AND undoes it, which takes about for_ms, in a thread of its own. `redis`, `platforms`: the worlds it
    may happen in. `most`: how many a schedule may have. `carrier`: the --fault options that the platform has all the time
    where such a fault is in the schedule. `allows`: what it may break by nature."""

    weight: int
    draw: Callable[[random.Random, World], Args]
    apply: Callable[[Fleet, Fault], None]
    redis: tuple[str, ...] = ("plain", "sentinel")
    platforms: tuple[str, ...] = ("retell", "twilio")
    most: int = 3
    carrier: Callable[[Args], tuple[str, ...]] | None = None
    allows: tuple[Allowance, ...] = ()


Kinds = Mapping[str, Kind]


@dataclasses.dataclass(frozen=True)
class Fault:
    at_ms: int
    kind: str
    target: str
    for_ms: int
    args: Args

    def __str__(self) -> str:
        more = "".join(f" {name}={value}" for name, value in sorted(self.args.items()))
        return f"{self.at_ms:6d} ms  {self.kind} {self.target} for {self.for_ms} ms{more}"


@dataclasses.dataclass(frozen=True)
class Campaign:
    """A batch and how it is submitted. `way`: `inline`, `chunks` (a draft, its chunks, its start) or `tool` (carillon
    submit); `pause_ms`: it is paused so long after it was accepted, for `paused_ms`; 0: it is not. `hears_all`: its
    webhooks are those of every event."""

    index: int
    at_ms: int
    way: str
    contacts: int
    cps: int
    priority: int
    max_attempts: int
    no_answer_ms: int
    busy_ms: int
    pause_ms: int
    paused_ms: int
    hears_all: bool

    @property
    def numbers(self) -> list[str]:
        start = FIRST_NUMBER + NUMBERS_OF_A_BATCH * self.index
        return [f"+{start + i}" for i in range(self.contacts)]

    def __str__(self) -> str:
        paused = f", paused after {self.pause_ms} ms for {self.paused_ms} ms" if self.pause_ms else ""
        return (
            f"{self.at_ms:6d} ms  batch {self.index + 1}: {self.contacts} contacts, {self.cps}/s, priority {self.priority}, "
            f"by {self.way}, {self.max_attempts} attempts after {self.no_answer_ms} ms (busy {self.busy_ms} ms)"
            f"{', every event' if self.hears_all else ''}{paused}"
        )


@dataclasses.dataclass(frozen=True)
class Platform:
    """How the carrier behaves. `faults`: its --fault options."""

    outcomes: str
    ring_ms: int
    talk_ms: int
    faults: tuple[str, ...]

    def __str__(self) -> str:
        faults = f", {' '.join(self.faults)}" if self.faults else ""
        return f"outcomes {self.outcomes}, rings {self.ring_ms} ms, talks {self.talk_ms} ms{faults}"


@dataclasses.dataclass(frozen=True)
class Schedule:
    seed: int
    world: World
    tenant_cps: int
    trunk_cps: int
    platform: Platform
    campaigns: tuple[Campaign, ...]
    faults: tuple[Fault, ...]

    @staticmethod
    def from_seed(seed: int, kinds: Kinds, world: World | None = None, is_short: bool = False) -> Schedule:
        """`world`: not drawn but this one, for a fleet that is there already; `is_short`: few contacts, few faults, few
        seconds."""
        rng = random.Random(seed)
        drawn = World(
            redis="sentinel" if rng.random() < 0.15 else "plain", platform="twilio" if rng.random() < 0.25 else "retell"
        )
        world = world or drawn
        tenant_cps, trunk_cps = rng.randint(8, 20), rng.randint(8, 20)  # a campaign lasts while faults come
        campaigns = _draw_campaigns(rng, is_short)
        faults = _draw_faults(rng, kinds, world, campaigns, is_short)
        asked = [kinds[fault.kind].carrier for fault in faults]
        of_faults = [option for fault, carrier in zip(faults, asked) if carrier for option in carrier(fault.args)]
        platform = _draw_platform(rng, of_faults)
        return Schedule(seed, world, tenant_cps, trunk_cps, platform, campaigns, faults)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those that occur in it."""
        return tuple(sorted({fault.kind for fault in self.faults}))

    @property
    def contacts(self) -> int:
        return sum(campaign.contacts for campaign in self.campaigns)

    def __str__(self) -> str:
        head = (
            f"seed {self.seed}: {self.world.redis} Redis, {self.world.platform}; tenant {self.tenant_cps}/s, trunk "
            f"{self.trunk_cps}/s; {self.platform}"
        )
        lines = sorted([*self.campaigns, *self.faults], key=lambda each: each.at_ms)
        return "\n".join([head, *(f"  {line}" for line in lines)])


def _draw_campaigns(rng: random.Random, is_short: bool) -> tuple[Campaign, ...]:
    total = rng.randint(30, 45) if is_short else rng.randint(100, 250)
    count = rng.randint(1, 2 if is_short else 3)
    campaigns = []
    for index in range(count):
        is_paused = rng.random() < 0.2
        campaigns.append(
            Campaign(
                index=index,
                at_ms=rng.randint(200, 2_000 if is_short else 6_000),
                way=rng.choice(("inline", "chunks", "tool")),
                contacts=total // count,
                cps=rng.randint(4, 20),
                priority=rng.randint(1, 10),
                max_attempts=rng.randint(1, 3),
                no_answer_ms=rng.randint(10, 30) * 100,
                busy_ms=rng.randint(10, 20) * 100,
                pause_ms=rng.randint(500, 4_000) if is_paused else 0,
                paused_ms=rng.randint(500, 4_000) if is_paused else 0,
                hears_all=rng.random() < 0.3,
            )
        )
    return tuple(campaigns)


def _draw_platform(rng: random.Random, of_faults: list[str]) -> Platform:
    weights = {"completed": rng.randint(50, 80), "busy": rng.randint(5, 15), "no_answer": rng.randint(5, 20),
               "failed": rng.randint(0, 5), "voicemail": rng.randint(0, 5)}
    faults = {"callback_never": rng.choice((0, 0, 0.1, 0.3)), "callback_twice": rng.choice((0, 0, 0.2)),
              "callback_early": rng.choice((0, 0, 0, 0.2)), "summary_never": rng.choice((0, 0, 0.1))}
    named = {option.partition("=")[0] for option in of_faults}
    own = [f"{name}={rate}" for name, rate in faults.items() if rate and name not in named]
    outcomes = ",".join(f"{name}={weight}" for name, weight in weights.items() if weight)
    return Platform(outcomes, rng.randint(50, 400), rng.randint(100, 1_500), (*own, *dict.fromkeys(of_faults)))


def _draw_faults(
    rng: random.Random, kinds: Kinds, world: World, campaigns: tuple[Campaign, ...], is_short: bool
) -> tuple[Fault, ...]:
    """One target has one at a time. A schedule that has no room for what was drawn has one fault fewer. Some strike just
    when a batch is submitted."""
    here = [name for name in sorted(kinds) if world.redis in kinds[name].redis and world.platform in kinds[name].platforms]
    last_ms = LAST_FAULT_MS // 3 if is_short else LAST_FAULT_MS
    drawn: list[Fault] = []
    for _ in range(rng.randint(2, 3) if is_short else rng.randint(4, 8)):
        (name,) = rng.choices(here, [kinds[kind].weight for kind in here])
        args = kinds[name].draw(rng, world)
        submission_ms = rng.choice(campaigns).at_ms
        is_at_submission = rng.random() < 0.3
        at_ms = rng.randint(submission_ms, submission_ms + 300) if is_at_submission else rng.randint(FIRST_FAULT_MS, last_ms)
        fault = Fault(at_ms, name, str(args.pop("target")), int(args.pop("for_ms")), args)
        if is_short and fault.for_ms > last_ms:
            fault = dataclasses.replace(fault, for_ms=last_ms)
        is_many = sum(each.kind == name for each in drawn) >= kinds[name].most
        if not is_many and not any(_collide(fault, each) for each in drawn):
            drawn.append(fault)
    return tuple(sorted(drawn, key=lambda each: (each.at_ms, each.kind, each.target)))


def _collide(one: Fault, other: Fault) -> bool:
    return (
        one.target == other.target
        and one.at_ms < other.at_ms + other.for_ms + REST_MS
        and other.at_ms < one.at_ms + one.for_ms + REST_MS
    )
