# SPDX-License-Identifier: Apache-2.0
"""Which addresses a notifier connects to, of every class that a machine can have. Run as a program in a network namespace
of its own, where this machine has them all:

    unshare --map-root-user --net /usr/bin/python3 -m tests.support.address_table PATH_OF_A_NOTIFIER

It gives the loopback interface an address of each class, listens on all, has a webhook delivered to each by its name and
by its number, and prints {"tried": [...], "connected": [...]}.
"""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

from tests.support.dns_server import DnsServer, Name
from tests.support.notifier_world import World
from tests.support.waiting import wait_until

# An address in each of the ranges that the IANA's special-purpose registries keep from the public internet, and what
# clouds put there. Addresses that no socket can connect to (multicast, broadcast, link-local ones without their link) are
# refused as text, in tests/unit/test_address.c.
CLASSES = {
    "this network": "0.0.0.1",
    "any": "0.0.0.0",
    "private 10": "10.9.8.7",
    "carrier NAT": "100.64.0.1",
    "cloud metadata in carrier NAT": "100.100.100.200",
    "loopback": "127.0.0.1",
    "another loopback": "127.9.8.7",
    "link local": "169.254.1.2",
    "metadata": "169.254.169.254",
    "container metadata": "169.254.170.2",
    "private 172": "172.16.5.4",
    "protocol assignments": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "6to4 relay": "192.88.99.1",
    "private 192": "192.168.1.1",
    "benchmarks": "198.18.0.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "wire server": "168.63.129.16",
    "this machine's own, public": "93.184.216.34",
    "IPv6 any": "::",
    "IPv6 loopback": "::1",
    "IPv4 mapped": "::ffff:10.9.8.7",
    "NAT64": "64:ff9b::a09:807",
    "local NAT64": "64:ff9b:1::1",
    "discard": "100::1",
    "Teredo": "2001::1",
    "benchmarks, IPv6": "2001:2::1",
    "documentation, IPv6": "2001:db8::1",
    "6to4": "2002:a09:807::1",
    "documentation, IPv6, new": "3fff::1",
    "unique local": "fd00:ec2::254",
    "site local": "fec0::1",
    "ISATAP": "2606:4700::200:5efe:a09:807",
    "this machine's own, public, IPv6": "2606:4700::1234",
}
GIVEN_UP_S = 60.0


def ip(*args: str) -> bool:
    return subprocess.run(["ip", *args], check=False, capture_output=True).returncode == 0


def take_addresses() -> None:
    """All of them on the loopback interface, where there are none yet."""
    assert ip("link", "set", "lo", "up")
    for text in CLASSES.values():
        address = ipaddress.ip_address(text)
        if address.is_unspecified or address.is_loopback or getattr(address, "ipv4_mapped", None):
            continue
        if address.version == 4:
            ip("address", "add", f"{address}/32", "dev", "lo")
        else:
            ip("-6", "address", "add", f"{address}/128", "dev", "lo", "nodad")


class Listener:
    """Takes connections to any address of this machine, and keeps to which."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self._v4 = socket.create_server(("0.0.0.0", 0), backlog=512)
        self.port = int(self._v4.getsockname()[1])
        self._v6 = socket.create_server(("::", self.port), family=socket.AF_INET6, backlog=512)
        for listening in (self._v4, self._v6):
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            self.reached.add(connection.getsockname()[0])
            connection.close()


def connects_itself(address: str, port: int) -> bool:
    """Whether this machine can connect there at all: without that, not to connect would show nothing."""
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def main() -> None:
    if os.environ.get("CARILLON_TEST_OWN_NETWORK") != "0":
        take_addresses()
    trial = Listener()
    tried = [address for address in CLASSES.values() if connects_itself(address, trial.port)]
    listener = Listener()
    with DnsServer() as dns:
        world = World(pathlib.Path(tempfile.mkdtemp(prefix="carillon-addresses-")))
        world.open()
        try:
            events = []
            for at, address in enumerate(tried):
                name, text = f"class{at}.test", f"[{address}]" if ":" in address else address
                dns.names[name] = Name([address])
                for kind, host in enumerate((name, text)):
                    batch = f"batch_c0_class{at}x{kind}"
                    world.batch(batch, url=f"https://{host}:{listener.port}/")
                    events.append(world.call_event(batch, 0))
            world.notifier(("--dns-server", dns.address), program=sys.argv[1])
            wait_until(lambda: all(world.delivery(event).get("last") for event in events), GIVEN_UP_S, "each was tried")
        finally:
            world.close()
    print(json.dumps({"tried": tried, "connected": sorted(listener.reached)}))


if __name__ == "__main__":
    main()
