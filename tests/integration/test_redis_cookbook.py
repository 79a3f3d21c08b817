# SPDX-License-Identifier: Apache-2.0
"""The twenty questions of docs/redis-keys.md: each line runs as it stands there, with an operator's rights, while a campaign rings,
and its answer means what the page says."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.cookbook import PLACEHOLDER, Desk, questions
from tests.support.http_receiver import Answer, HttpReceiver
from tests.support.stack import Stack, phone_numbers
from tests.support.waiting import wait_until

PAGE = questions()
CPS = 30
CONTACTS = 3000
FAR_MS = 2_051_222_400_000  # 2035-01-01T00:00:00Z
KEEP_MS = 30 * 86_400_000

# How the answer to each reads: a pattern for each line; "*" behind them: over and over.
MS, ID, BATCH, TIME = r"\d{13}", r"[A-Za-z0-9_-]+", r"batch_[a-z0-9]+_[a-z0-9]+", r"(\d{13})?"
CALL = rf"{BATCH}/\d+/\d+"
SHAPES: dict[int, list[str]] = {
    1: [r"\d+", r"\d*", TIME, "(run_id|clock)?", TIME],
    2: [r"\d+"],
    3: [ID, MS, "*"],
    4: [ID, MS, "*"],
    5: ["active|stopped", "(operator|account)?", "(full)?", TIME, "(open|probing)?", ".*", TIME],
    6: [ID, MS, "*"],
    7: [ID, r"\d+(\.\d+)?", "*"],
    8: [CALL, MS, "*"],
    9: [r"\d+"],
    10: ["[a-z]+", "[a-z]*", MS, MS, r"\d*", r"\d*", r"\d*", r"\d*", r"(\d{16})?", r"((\d{13}-\d{13} ?)*)"],
    11: [r"(total|due|claimed|live|ended|succeeded|failed|attempts|outcome:[A-Z_]+)\t\d+", "*"],
    12: [r"\d+", MS, "*"],
    13: [r"(([a-z]+=\S+ ?)+)?", "*"],
    14: [r"\d{7,15}", CALL, "*"],
    15: [CALL, r"\d{13}( \S+)?", "*"],
    16: [r"\d+"],
    17: [rf"{ID}\thttps?://\S+\t(active|disabled)\t\d+\t{TIME}", "*"],
    18: [rf"key_[0-9a-z]+\t[a-z]+\t[^\t]*\t{TIME}", "*"],
    19: [r"\d+", r"\d+"],
    20: [rf"(seen|draft|batch)/{BATCH}", MS, "*"],
}


def reads_as_told(number: int, lines: list[str]) -> bool:
    shape = SHAPES[number]
    if shape[-1] == "*":
        size = len(shape) - 1
        return len(lines) % size == 0 and all(re.fullmatch(shape[i % size], line) for i, line in enumerate(lines))
    return len(lines) == len(shape) and all(re.fullmatch(pattern, line) for pattern, line in zip(shape, lines))


def pairs(lines: list[str]) -> dict[str, str]:
    return dict(zip(lines[::2], lines[1::2]))


class Campaign:
    """A fleet at a platform that keeps no token, with one trunk that is wide and one that is narrow, tenants that share it, a
    receiver that fails, and batches in every kind of state."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.stack = Stack(platform="twilio", outcomes="completed=50,busy=20,no_answer=30", talk_ms=1500, trunk_cps=CPS)
        self.failing = HttpReceiver(Answer(503))
        self.folder = folder
        self.keys: dict[str, str] = {}

    def close(self) -> None:
        self.stack.stop()
        self.failing.close()

    def start(self) -> None:
        self.stack.start()
        self.client = self.stack.redis.client()
        self.desk = Desk(self.stack.redis, self.folder)
        stack = self.stack
        stack.command(
            *("trunk", "create", "narrow", "--profile", "twilio", "--base-url", stack.carrier_url, "--cps", "2"),
            *("--credential-file", str(stack.carrier_key), "--secrets-key-file", str(stack.secrets_key)),
            *("--caller-id", "+15550001111", "--variable", "account_sid=AC00000000000000000000000000000001"),
            *("--variable", "answer_url=https://voice.example/answer", "--variable", "machine_detection=Enable"),
        )
        for tenant, trunk in (("bloom", "narrow"), ("crisp", "narrow"), ("dusk", "main")):
            stack.command("tenant", "create", tenant, "--cps", "50", "--trunk", trunk)
            self.keys[tenant] = stack.command("key", "create", "--tenant", tenant, "--label", f"of {tenant}", "--expires-in", "90d")
        self.done = self.submit("acme", phone_numbers(3, 15550200000), maxAttempts=1)
        stack.wait_for_batch(self.done)
        self.numbers = phone_numbers(CONTACTS)
        self.main = self.submit("acme", self.numbers, maxCallsPerSecond=CPS)
        for i, tenant in enumerate(("bloom", "crisp", "bloom")):
            self.submit(tenant, phone_numbers(200, 15550300000 + 1000 * i), url=self.failing.url)
        self.later = self.submit("dusk", phone_numbers(2, 15550400000), scheduledStartTime="2035-01-01T00:00:00Z")
        self.paused = self.submit("acme", phone_numbers(2, 15550500000))
        stack.api("POST", f"/api/v1/batch/{self.paused}/pause")

    def submit(self, tenant: str, numbers: list[str], url: str = "", **options: Any) -> str:
        delays = {name: 20_000 for name in ("noAnswerDelay", "busyDelay", "failedDelay", "voicemailDelay")}
        retries = {"maxAttempts": options.pop("maxAttempts", 3), **delays}
        receiver = url or self.stack.receiver.url
        hooks = {"onCallComplete": f"{receiver}/call", "onBatchComplete": f"{receiver}/batch"}
        body = {"agentId": "agent_123", "contacts": [{"phoneNumber": number} for number in numbers],
                "options": {"webhooks": hooks, "retryStrategy": retries, "summaryWait": 1, **options}}  # fmt: skip
        return str(self.stack.api("POST", "/api/v1/batch", body, self.keys.get(tenant, ""))["batchId"])

    def key(self, rest: str) -> str:
        return "carillon:{c0}:" + rest

    def now_ms(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1000 + micros // 1000

    def ask(self, number: int, /, **words: str | int) -> list[str]:
        lines = self.desk.ask(PAGE[number], **words)
        assert lines == [""] or reads_as_told(number, lines), (number, lines)
        return lines

    def ask_until(self, number: int, is_so: Callable[[list[str]], bool], /, **words: str | int) -> list[str]:
        """Asked again until the answer is so: what it asks about comes and goes."""
        last: list[str] = []

        def asked() -> bool:
            last[:] = self.ask(number, **words)
            return is_so(last)

        wait_until(asked, 30.0, f"question {number}: {PAGE[number].text}")
        return last

    def ask_steadily(self, number: int, read: Callable[[], object], /, **words: str | int) -> tuple[list[str], object]:
        """The answer, and what is read otherwise while that does not change."""
        while True:
            before = read()
            lines = self.ask(number, **words)
            if read() == before:
                return lines, before


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    made = Campaign(tmp_path_factory.mktemp("desk"))
    try:
        made.start()
        yield made
    finally:
        made.close()


# ---- the page ----


def test_the_page_answers_twenty_questions_with_one_line_each() -> None:
    assert sorted(PAGE) == list(range(1, 21)) == sorted(SHAPES) == sorted(CHECKS)
    for question in PAGE.values():
        assert "\n" not in question.line and question.line.count("redis-cli") >= 1 and question.meaning
        assert not re.search(r"\b(KEYS|SCAN|MONITOR|EVAL|FLUSH\w*|DEL|SET|CONFIG)\b|--scan", question.line), "they only look, and at little"


@pytest.mark.parametrize("number", sorted(PAGE))
def test_what_the_page_shows_of_an_answer_is_one(number: int) -> None:
    assert reads_as_told(number, PAGE[number].example), PAGE[number].example


def test_what_is_no_answer_is_noticed() -> None:
    assert not reads_as_told(3, ["w_a"]) and not reads_as_told(2, ["1", "2"]) and not reads_as_told(8, ["x", "1795939268900"])


# ---- the lines ----


def cell_is_open(c: Campaign) -> None:
    lines = c.ask(1)
    assert (lines[0], lines[4]) == (c.client.hget(c.key("cell"), "schema").decode(), "")
    c.stack.command("stop", "cell", "c0")
    try:
        assert abs(int(c.ask(1)[4]) - c.now_ms()) < 60_000
    finally:
        c.stack.command("start", "cell", "c0")


def on_the_line(c: Campaign) -> None:
    lines, live = c.ask_steadily(2, lambda: c.client.zrange(c.key("live"), 0, -1))
    assert isinstance(live, list) and int(lines[0]) == len(live)
    c.ask_until(2, lambda said: int(said[0]) > 0)


def workers(c: Campaign) -> None:
    c.client.zadd(c.key("workers"), {"w_dead": c.now_ms() - 30_000})
    present = [p.decode().split("/") for p in c.client.zrange(c.key("processes"), 0, -1)]
    assert set(pairs(c.ask(3))) == {words[1] for words in present if words[0] == "carillon-worker"}


def trunks(c: Campaign) -> None:
    said = pairs(c.ask_until(4, lambda lines: set(pairs(lines)) == {"main", "narrow"}))
    assert all(abs(int(at) - c.now_ms()) < 30_000 for at in said.values())


def trunk_is_held(c: Campaign) -> None:
    assert c.ask(5, trunk="main")[0] == "active"
    c.stack.command("stop", "trunk", "main")
    try:
        assert c.ask(5, trunk="main")[:2] == ["stopped", "operator"]
    finally:
        c.stack.command("start", "trunk", "main")


def waiting_tenants(c: Campaign) -> None:
    assert int(pairs(c.ask(6, trunk="main"))["dusk"]) == int(c.client.hget(c.key(f"batch:{c.later}"), "start_ms")) == FAR_MS


def next_turn(c: Campaign) -> None:
    said = c.ask_until(7, lambda lines: set(lines[::2]) == {"bloom", "crisp"}, trunk="narrow")
    assert float(said[1]) <= float(said[3])


def places(c: Campaign) -> None:
    said = pairs(c.ask_until(8, lambda lines: len(lines) > 2, trunk="main"))
    assert len(said) <= 10 and all(call.startswith(f"{c.main}/") for call in said)
    assert all(int(at) > c.now_ms() - 60_000 for at in said.values())


def limit_is_kept(c: Campaign) -> None:
    assert 0 < int(c.ask_until(9, lambda lines: int(lines[0]) > CPS // 3, trunk="main")[0]) <= CPS
    c.client.rpush(c.key("begins:k/planted"), *(1_795_939_190_000_000 + 30_000 * i for i in range(40)))
    c.client.expire(c.key("begins:k/planted"), 60)
    assert c.ask(9, trunk="planted") == ["34"], "a breach is seen: 34 begins within less than a second"


def why_not(c: Campaign) -> None:
    assert c.ask(10, batch=c.paused)[:2] == ["paused", "user"]
    said = c.ask(10, batch=c.later)
    assert said[0] == "scheduled" and int(said[2]) > c.now_ms() and not any(map(int, filter(None, said[5:7])))


def progress(c: Campaign) -> None:
    said = {name: int(count) for name, count in (line.split("\t") for line in c.ask(11, batch=c.done))}
    assert (said["total"], said.get("succeeded", 0) + said.get("failed", 0)) == (3, 3)
    assert {name[8:]: n for name, n in said.items() if name.startswith("outcome:")} == c.stack.status(c.done)["outcomes"]
    said = {name: int(count) for name, count in (line.split("\t") for line in c.ask(11, batch=c.main))}
    assert sum(said.get(phase, 0) for phase in ("due", "claimed", "live", "ended", "succeeded", "failed")) == said["total"] == CONTACTS


def due_soon(c: Campaign) -> None:
    said = pairs(c.ask_until(12, lambda lines: lines != [""], batch=c.main))
    assert all(int(at) <= c.now_ms() + 60_000 and int(ordinal) < CONTACTS for ordinal, at in said.items())
    c.client.zadd(c.key(f"batch:{c.later}:retry:0"), {"0": c.now_ms() + 90_000})
    assert c.ask(12, batch=c.later) == [""], "what is due later is not told"
    c.client.delete(c.key(f"batch:{c.later}:retry:0"))


def called_when(c: Campaign) -> None:
    lines = c.ask(13, batch=c.done, ordinal=1)
    (call,) = [row for row in c.stack.api("GET", f"/api/v1/batch/{c.done}/calls")["calls"] if row["id"].endswith("-1")]
    assert lines[0].startswith("d=1 a=1 ") and f" o={call['outcome']} " in lines[1]
    begun = c.ask_until(13, lambda said: said != [""], batch=c.main, ordinal=70)  # of the second bucket
    assert abs(int(re.findall(r" b=(\d+)", begun[0])[0]) // 1000 - c.now_ms()) < 120_000
    assert c.ask(13, batch=c.later, ordinal=1) == [""]


def on_a_call(c: Campaign) -> None:
    said = pairs(c.ask_until(14, lambda lines: lines != [""], tenant="acme"))
    for number, call in said.items():
        batch, ordinal, _ = call.split("/")
        assert batch == c.main and c.numbers[int(ordinal)] == f"+{number}"


def called_lately(c: Campaign) -> None:
    said = pairs(c.ask(15, number="15550200001"))
    assert list(said) == [f"{c.done}/1/1"]
    begin_ms, platform = said[f"{c.done}/1/1"].split(" ")
    begun_us = int(re.findall(r" b=(\d+)", c.ask(13, batch=c.done, ordinal=1)[0])[0])
    assert int(begin_ms) == begun_us // 1000 and platform.startswith("CA")
    assert c.ask(15, number="15550999999") == [""]


def webhooks(c: Campaign) -> None:
    def pending() -> int:
        return sum(int(c.client.hget(c.key(f"hooks:counts:{shard}"), "pending") or 0) for shard in range(16))

    c.ask_until(16, lambda lines: int(lines[0]) == pending() > 0)  # they come and go while it is asked


def failing_endpoints(c: Campaign) -> None:
    lines = c.ask_until(17, lambda said: sum(line.startswith(("bloom\t", "crisp\t")) for line in said) == 2)
    for line in lines:
        tenant, origin, status, failures, since = line.split("\t")
        assert (origin, status) == (c.failing.url, "active") and tenant in ("bloom", "crisp")
        assert int(failures) > 0 and abs(int(since) - c.now_ms()) < 120_000


def keys(c: Campaign) -> None:
    (listed,) = [key for key in json.loads(c.stack.command("key", "list", "--json")) if key.get("tenant") == "bloom"]
    (line,) = c.ask(18, tenant="bloom")
    name, role, label, until = line.split("\t")
    assert (name, role, label) == (listed["id"], listed["role"], "of bloom") and int(until) > c.now_ms() + 80 * 86_400_000
    assert c.keys["bloom"] not in line


def size(c: Campaign) -> None:
    n_bytes, total = (int(line) for line in c.ask(19, batch=c.main))
    assert total == CONTACTS and 30 * total < n_bytes < 1000 * total


def removed_next(c: Campaign) -> None:
    said = pairs(c.ask(20))
    completed_ms = int(c.client.hget(c.key(f"batch:{c.done}"), "completed_ms"))
    assert int(said[f"batch/{c.done}"]) == completed_ms + KEEP_MS


CHECKS: dict[int, Callable[[Campaign], None]] = {
    1: cell_is_open, 2: on_the_line, 3: workers, 4: trunks, 5: trunk_is_held, 6: waiting_tenants, 7: next_turn, 8: places,
    9: limit_is_kept, 10: why_not, 11: progress, 12: due_soon, 13: called_when, 14: on_a_call, 15: called_lately, 16: webhooks,
    17: failing_endpoints, 18: keys, 19: size, 20: removed_next,
}  # fmt: skip


@pytest.mark.parametrize("number", sorted(CHECKS), ids=lambda n: f"{n} {PAGE[n].text}")
def test_the_answer_means_what_the_page_says(campaign: Campaign, number: int) -> None:
    CHECKS[number](campaign)


def test_every_placeholder_is_told_of() -> None:
    intro = re.split(r"\n### ", (pathlib.Path(__file__).parents[2] / "docs/redis-keys.md").read_text(encoding="utf-8"))[0]
    assert {name for question in PAGE.values() for name in PLACEHOLDER.findall(question.line)} <= set(PLACEHOLDER.findall(intro))
