# SPDX-License-Identifier: Apache-2.0
"""Where a receiver's name leads is looked up without holding anybody up, judged whole, and kept to: the notifier against a
DNS server that says whatever it likes. What a tenant sees of it stands in the endpoint's log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import hooks
from tests.support.dns_server import SERVFAIL, DnsServer, Name
from tests.support.http_receiver import HttpReceiver
from tests.support.notifier_world import LOOPBACK, TENANT, World, metric
from tests.support.processes import run
from tests.support.waiting import wait_until

PUBLIC = "127.0.0.2"  # the one address of this machine that the tests' operator permits; 127.0.0.1 is as private as ever
LOOKUP_DEADLINE_S = 25.0  # 2 tries for each address family, and a loaded machine


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


class Street:
    """A notifier that asks the DNS server, and batches whose webhooks lead to names."""

    def __init__(self, world: World, dns: DnsServer, *allowed: str) -> None:
        self.world, self.dns = world, dns
        self.port = world.receiver.url.rsplit(":", 1)[1]
        args = [word for address in allowed for word in ("--allow-private-webhooks", address)]
        self.notifier = world.notifier(("--dns-server", dns.address, *args))
        self._events = 0

    def url(self, host: str) -> str:
        return f"http://{host}:{self.port}/hook"

    def send(self, host: str) -> str:
        self._events += 1
        batch = f"batch_c0_street{self._events}"
        self.world.batch(batch, url=self.url(host))
        return self.world.call_event(batch, 0)

    def codes(self, host: str) -> list[str]:
        return [code for _, code in self.world.log(hooks.endpoint_id(TENANT, self.url(host)))]

    def wait_for_code(self, host: str, code: str) -> None:
        wait_until(lambda: code in self.codes(host), LOOKUP_DEADLINE_S, f"{host}: {code}")


@pytest.fixture
def anywhere() -> Iterator[HttpReceiver]:
    """A receiver on every address of this machine."""
    with HttpReceiver(host="0.0.0.0") as receiver:
        yield receiver


@pytest.fixture
def street(world: World, dns: DnsServer, anywhere: HttpReceiver) -> Street:
    world.receiver.close()
    world.receiver = anywhere
    return Street(world, dns, f"{PUBLIC}/32")


def test_a_name_that_leads_to_a_permitted_address_is_delivered_to(street: Street, dns: DnsServer) -> None:
    dns.names["hook.test"] = Name([PUBLIC])
    street.world.wait_for_state(street.send("hook.test"), "delivered")
    request = street.world.receiver.wait_for(1)[0]
    assert request.headers["host"] == f"hook.test:{street.port}"
    assert street.codes("hook.test") == ["ok"]


@pytest.mark.parametrize("spelling", ["hook.test.", "HOOK.test"])
def test_however_a_name_is_spelled_it_is_looked_up_here_and_nowhere_else(street: Street, dns: DnsServer, spelling: str) -> None:
    dns.names["hook.test"] = Name([PUBLIC])
    street.world.endpoint(url=street.url("hook.test"))
    street.world.wait_for_state(street.send(spelling), "delivered")
    assert street.codes("hook.test") == ["ok"]


def test_a_name_is_asked_for_once_however_many_wait_for_it(street: Street, dns: DnsServer) -> None:
    dns.names["hook.test"] = Name([PUBLIC])
    events = [street.send("hook.test") for _ in range(12)]
    for event in events:
        street.world.wait_for_state(event, "delivered")
    assert dns.asked["hook.test"] == 2, "A and AAAA"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        [PUBLIC, "169.254.169.254"],
        [PUBLIC, "::1"],
        [PUBLIC, "::ffff:127.0.0.1"],
        [PUBLIC, "64:ff9b::7f00:1"],
        [PUBLIC, "fe80::1"],
        [PUBLIC, "fd00::1"],
        [PUBLIC, "2002:7f00:1::"],
    ],
    ids=" ".join,
)
def test_one_address_that_is_not_permitted_refuses_the_whole_name(street: Street, dns: DnsServer, addresses: list[str]) -> None:
    dns.names["mixed.test"] = Name(addresses)
    event = street.send("mixed.test")
    street.wait_for_code("mixed.test", "address_blocked")
    assert street.world.delivery(event)["state"] == "retrying"
    assert street.world.receiver.snapshot() == []


def test_a_name_that_moves_to_a_private_address_is_not_followed_there(street: Street, dns: DnsServer) -> None:
    dns.names["rebinding.test"] = Name([PUBLIC], ttl_s=0)
    street.world.wait_for_state(street.send("rebinding.test"), "delivered")
    dns.names["rebinding.test"] = Name(["127.0.0.1"], ttl_s=0)
    before = dns.asked["rebinding.test"]

    def is_asked_again() -> bool:
        street.send("rebinding.test")
        return dns.asked["rebinding.test"] > before

    wait_until(is_asked_again, LOOKUP_DEADLINE_S, "the old answer has passed")
    street.wait_for_code("rebinding.test", "address_blocked")


def test_a_name_that_does_not_exist_is_told_as_that(street: Street) -> None:
    event = street.send("nobody.test")
    street.wait_for_code("nobody.test", "dns_nxdomain")
    assert street.world.delivery(event)["state"] == "retrying"


@pytest.mark.parametrize("name", [Name(code=SERVFAIL), Name(is_silent=True)], ids=["SERVFAIL", "silence"])
def test_a_name_that_nobody_answers_for_is_told_and_holds_no_other_up(street: Street, dns: DnsServer, name: Name) -> None:
    dns.names["mute.test"] = name
    dns.names["hook.test"] = Name([PUBLIC])
    mute = street.send("mute.test")
    street.world.wait_for_state(street.send("hook.test"), "delivered")
    if name.is_silent:
        assert street.world.delivery(mute)["state"] == "in_flight", "it still waits for its name"
    street.wait_for_code("mute.test", "dns_error")
    assert street.world.delivery(mute)["state"] == "retrying"


def test_an_answer_too_long_for_udp_is_fetched_by_tcp(street: Street, dns: DnsServer) -> None:
    dns.names["long.test"] = Name([PUBLIC], is_truncated=True)
    street.world.wait_for_state(street.send("long.test"), "delivered")
    assert dns.asked_by_tcp["long.test"] > 0


def test_where_no_name_is_answered_it_is_our_fault_and_nobodys_attempt(street: Street, dns: DnsServer) -> None:
    hosts = [f"mute{n}.test" for n in range(24)]
    for host in hosts:
        dns.names[host] = Name(code=SERVFAIL)
    events = [street.send(host) for host in hosts]
    own = 'carillon_webhook_own_failures_total{cause="local"}'
    wait_until(lambda: metric(street.notifier, own) > 0, LOOKUP_DEADLINE_S, "it is found that the resolver is ailing")
    uncounted = [event for event in events if street.world.delivery(event).get("attempts") == "0"]
    assert uncounted, "an attempt that was our fault is not counted"


def test_a_dns_server_that_is_none_is_refused_at_start(world: World) -> None:
    for server in ("", "10.0.0.2", "dns.example:53", "10.0.0.2:x", "10.0.0.2:53,10.0.0.3:53", "10.0.0.2:99999"):
        ended = run("carillon-notifier", *world.arguments(*LOOPBACK, "--dns-server", server))
        assert ended.returncode == 2, (server, ended)
