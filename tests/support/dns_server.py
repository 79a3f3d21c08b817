# SPDX-License-Identifier: Apache-2.0
"""A DNS server under the test's hand, by UDP and TCP on one port of 127.0.0.1: each name answers as it is told.

    with DnsServer() as dns:
        dns.names["hook.test"] = Name(["127.0.0.2"])
        dns.names["gone.test"] = Name(code=NXDOMAIN)
        ...  # something asks dns.address
        assert dns.asked["hook.test"] == 2  # for A and for AAAA

Names that it was not told of do not exist. Messages by RFC 1035.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import struct
import threading
from collections import Counter
from types import TracebackType

A, AAAA = 1, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
HEADER = struct.Struct("!HHHHHH")
RESPONSE, TRUNCATED, AUTHORITATIVE, RECURSION = 0x8000, 0x0200, 0x0400, 0x0180
POINTER_TO_QUESTION = 0xC00C


@dataclasses.dataclass
class Name:
    """What a name answers: to an A its IPv4 addresses, to an AAAA its IPv6 ones."""

    addresses: list[str] = dataclasses.field(default_factory=list)
    code: int = NOERROR
    ttl_s: int = 300
    is_silent: bool = False
    is_truncated: bool = False  # by UDP: ask again by TCP


class DnsServer:
    """Listens from its making until close()."""

    def __init__(self) -> None:
        self.names: dict[str, Name] = {}
        self.asked: Counter[str] = Counter()
        self.asked_by_tcp: Counter[str] = Counter()
        self._udp, self._tcp = self._listen()
        self.address = "%s:%d" % self._udp.getsockname()
        self._threads = [threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _listen() -> tuple[socket.socket, socket.socket]:
        """The system chooses a port for one of them; the other's may be taken, and then another is tried."""
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            try:
                return udp, socket.create_server(udp.getsockname())
            except OSError:
                udp.close()

    def __enter__(self) -> DnsServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for listener in (self._udp, self._tcp):
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # a UDP socket is not connected, and says so; it wakes all the same
            listener.close()
        for thread in self._threads:
            thread.join(10)

    @staticmethod
    def _question(message: bytes) -> tuple[str, int, bytes]:
        """Its name, its type, and its bytes."""
        at, labels = HEADER.size, []
        while message[at]:
            labels.append(message[at + 1 : at + 1 + message[at]].decode())
            at += 1 + message[at]
        return ".".join(labels).lower(), int.from_bytes(message[at + 1 : at + 3], "big"), message[HEADER.size : at + 5]

    def _reply(self, message: bytes, is_udp: bool) -> bytes | None:
        name, kind, question = self._question(message)
        (self.asked if is_udp else self.asked_by_tcp)[name] += 1
        told = self.names.get(name, Name(code=NXDOMAIN))
        if told.is_silent:
            return None
        family = {A: 4, AAAA: 6}.get(kind)
        records = b""
        found = [address for address in map(ipaddress.ip_address, told.addresses) if address.version == family]
        if told.is_truncated and is_udp:
            found = []
        for address in found:
            records += struct.pack("!HHHIH", POINTER_TO_QUESTION, kind, 1, told.ttl_s, len(address.packed)) + address.packed
        flags = RESPONSE | AUTHORITATIVE | RECURSION | told.code | (TRUNCATED if told.is_truncated and is_udp else 0)
        return HEADER.pack(int.from_bytes(message[:2], "big"), flags, 1, len(found), 0, 0) + question + records

    def _serve_udp(self) -> None:
        while True:
            try:
                message, sender = self._udp.recvfrom(4096)
            except OSError:
                return
            if not message:
                return
            reply = self._reply(message, True)
            if reply is not None:
                self._udp.sendto(reply, sender)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                while len(head := stream.read(2)) == 2:
                    reply = self._reply(stream.read(int.from_bytes(head, "big")), False)
                    if reply is not None:
                        stream.write(len(reply).to_bytes(2, "big") + reply)
                        stream.flush()
