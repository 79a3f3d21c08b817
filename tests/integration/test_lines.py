# SPDX-License-Identifier: Apache-2.0
"""Lines between processes break as they are told to, and are whole otherwise."""

from __future__ import annotations

import pathlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.support.lines import Line, Switchboard
from tests.support.waiting import wait_until

DEADLINE_S = 20.0


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what comes, behind its name."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, name: bytes = b"") -> None:
        self.name = name
        super().__init__(("127.0.0.1", 0), _Echo)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server_address[1])

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Echo(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(self.server.name + data)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as made:
        yield made


@pytest.fixture
def line(board: Switchboard, echo: Echo) -> Line:
    return board.line("echo", lambda: [echo.address])


def connect(line: Line) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), DEADLINE_S)


def read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := client.recv(count - len(data))):
        data += piece
    return data


def is_silent(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(DEADLINE_S)
    return False


def test_what_goes_through_is_whole_and_so_is_an_end(line: Line) -> None:
    sent = bytes(range(256)) * 4000
    with connect(line) as client:
        threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()
        assert read(client, len(sent)) == sent
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    wait_until(lambda: not line.pairs, DEADLINE_S, "the connection is gone")


def test_what_is_held_goes_on_late_and_in_order_and_nobody_is_told(line: Line) -> None:
    with connect(line) as client:
        client.sendall(b"1")
        assert read(client, 1) == b"1"
        line.hold()
        client.sendall(b"2")
        client.sendall(b"3")
        with connect(line) as late:
            late.sendall(b"4")
            assert is_silent(client) and is_silent(late)
            line.let_go()
            assert read(client, 2) == b"23" and read(late, 1) == b"4"


def test_what_is_held_may_never_arrive(line: Line) -> None:
    with connect(line) as client:
        client.sendall(b"1")
        assert read(client, 1) == b"1"
        line.hold()
        client.sendall(b"2")
        assert is_silent(client)
        line.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        line.let_go()
    with connect(line) as client:
        client.sendall(b"3")
        assert read(client, 1) == b"3"


def test_a_delay_that_ends_changes_no_order(line: Line) -> None:
    with connect(line) as client:
        for delay_ms, letter in ((300, b"a"), (0, b"b"), (50, b"c"), (0, b"d")):
            line.delay(delay_ms)
            client.sendall(letter)
        assert read(client, 4) == b"abcd"


@pytest.mark.parametrize(("where", "arrives"), (("request", 2), ("answer", 2), ("before_answer", 2)))
def test_a_connection_is_cut_where_it_is_said_and_as_often(line: Line, where: str, arrives: int) -> None:
    line.cut_after(3, times=2, where=where)
    for _ in range(2):
        with connect(line) as client:
            for i in range(arrives):
                client.sendall(b"x")
                assert read(client, 1) == b"x", i
            with pytest.raises(ConnectionResetError):
                client.sendall(b"x")
                client.recv(1)
    with connect(line) as client:
        client.sendall(b"four")
        assert read(client, 4) == b"four"
    assert line.cuts == 2


def test_a_line_that_refuses_takes_nobody_until_it_is_mended(line: Line) -> None:
    line.refuse()
    with pytest.raises(ConnectionResetError), connect(line) as client:
        client.recv(1)
    line.mend()
    with connect(line) as client:
        client.sendall(b"x")
        assert read(client, 1) == b"x"


def test_of_several_targets_each_has_its_turn_and_one_that_is_gone_is_passed_over(board: Switchboard) -> None:
    first, second = Echo(b"1"), Echo(b"2")
    line = board.line("two", lambda: [first.address, second.address])

    def asked() -> bytes:
        with connect(line) as client:
            client.sendall(b".")
            return read(client, 2)

    try:
        assert sorted(asked() for _ in range(4)) == [b"1.", b"1.", b"2.", b"2."]
        first.close()
        assert {asked() for _ in range(4)} == {b"2."}
    finally:
        second.close()


def test_where_nobody_listens_the_client_is_told(board: Switchboard, tmp_path: pathlib.Path) -> None:
    line = board.line("nobody", lambda: [str(tmp_path / "no.sock")])
    with pytest.raises(ConnectionResetError), connect(line) as client:
        client.recv(1)
