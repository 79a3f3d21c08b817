# SPDX-License-Identifier: Apache-2.0
"""What our worker sends to Twilio, judged by Twilio's own document: a worker rings the stand-in through Prism, which lets
nothing pass that is not as documented."""

from __future__ import annotations

import pathlib
from typing import Any

from tests.platforms.vendor import Judged
from tests.support.carrier import ACCOUNT, TwilioClient
from tests.support.fleet import PLATFORM_KEY, Fleet
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

QUICK = ("--ring-ms", "20", "--talk-ms", "20")


class Scene:
    """A fleet whose trunk leads through Prism to a carrier. At its end nothing undocumented was said."""

    def __init__(self, server: RedisServer, directory: pathlib.Path, *args: str, **trunk: Any) -> None:
        self.fleet = Fleet(server, directory)
        self.judged = Judged(directory, *args, key=PLATFORM_KEY)
        self.trunk = trunk

    def __enter__(self) -> Scene:
        self.judged.__enter__()
        settings = {
            "profile": "twilio",
            "var:account_sid": ACCOUNT,
            "var:answer_url": "https://voice.example/answer?v=2",
            "var:machine_detection": "Enable",
            "var:machine_detection_timeout": "20",
        }
        self.fleet.trunk(self.judged.prism.url, **{**settings, **self.trunk})
        self.worker = self.fleet.worker()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        try:
            self.fleet.close()
            if kind is None:
                assert self.judged.prism.violations() == []
        finally:
            self.judged.__exit__(kind, *error)

    @property
    def carrier(self) -> Any:
        return self.judged.carrier

    def asked(self, method: str, what: str) -> int:
        """How many requests for a path with `what` in it went through Prism."""
        lines = self.judged.prism.log().splitlines()
        return sum(f'Forwarding "{method}" request' in line and what in line for line in lines)


def test_a_campaign_is_placed_and_told_of_as_documented(redis_server, tmp_path):
    outcomes = "completed=4,busy=2,no_answer=2,failed=1,voicemail=2,blocked=1,invalid_number=1"
    with Scene(redis_server, tmp_path, *QUICK, "--outcomes", outcomes, "--seed", "5") as scene:
        batch = scene.fleet.batch(contacts=40, max_attempts=1)
        told = scene.fleet.wait_final(batch, deadline_s=60)
        ended = scene.carrier.wait_witness("ended", 40)
        really: dict[str, int] = {}
        for line in ended:
            really[line["outcome"].upper()] = really.get(line["outcome"].upper(), 0) + 1
        assert told == really and len(told) == 7
        assert scene.asked("post", "/Calls.json") == 40 == len(scene.carrier.witness("create"))


def test_silent_calls_are_polled_as_documented(redis_server, tmp_path):
    args = (*QUICK, "--outcomes", "voicemail=1", "--fault", "callback_never=1")
    with Scene(redis_server, tmp_path, *args) as scene:
        batch = scene.fleet.batch()
        scene.fleet.wait_state(batch, phase="live", p=scene.carrier.wait_witness("ended", 1)[0]["id"])
        scene.fleet.make_check_due(batch)
        assert scene.fleet.wait_final(batch) == {"VOICEMAIL": 1}
        assert scene.asked("get", "/Calls/CA") >= 1


def test_lost_calls_are_looked_up_as_documented(redis_server, tmp_path):
    args = (*QUICK, "--outcomes", "completed=1", "--fault", "error=1", "--fault", "callback_never=1")
    with Scene(redis_server, tmp_path, *args) as scene:
        batch = scene.fleet.batch(max_attempts=1)
        scene.carrier.wait_witness("ended", 1)
        assert scene.fleet.wait_final(batch, deadline_s=60) == {"COMPLETED": 1}
        assert scene.asked("get", "/Calls.json") >= 1
        assert [line["via"] for line in scene.fleet.attempts(batch) if "via" in line] == ["lookup"]


def test_calls_that_would_ring_too_late_are_stopped_as_documented(redis_server, tmp_path):
    with Scene(redis_server, tmp_path, "--cps", "1", "--ring-ms", "3600000") as scene:
        client = TwilioClient(scene.carrier)
        for i in range(200):
            client.place(f"+1555000{i:04d}")
        batch = scene.fleet.batch(expires_ms=scene.fleet.engine().now_ms() + 20_000)
        (create,) = wait_until(
            lambda: [line for line in scene.carrier.witness("create") if (line["token"] or "").startswith(batch)],
            20,
            "the call is placed",
        )
        wait_until(lambda: client.call(create["id"])["status"] == "canceled", 20, "the call is stopped")
        assert scene.fleet.wait_final(batch, deadline_s=60) == {"EXPIRED": 1}
        assert scene.asked("post", f"/Calls/{create['id']}.json") == 1
