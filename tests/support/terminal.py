# SPDX-License-Identifier: Apache-2.0
"""A program of ours on a terminal: a pseudo-terminal of a given width, and the screen that a person would see.

    with Terminal(cli, "watch", batch, columns=80) as terminal:
        wait_until(lambda: "completed" in terminal.text(), what="it has ended")
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from types import TracebackType

from tests.support.cli import Cli
from tests.support.processes import SANITIZER, program

TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+|\x1b")
END_DEADLINE_S = 20.0


class Screen:
    """The few things that a line-drawing program asks of a terminal: text, CR, LF, cursor up, erase below, wrapping.
    Anything else is an error: it would look odd on somebody's terminal."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        for match in TOKEN.finditer(text):
            count, command = int(match.group(1) or 0), match.group(2)
            if command == "A":
                self.row = max(0, self.row - max(1, count))
            elif command == "J" and count == 0:
                self.rows[self.row] = self.rows[self.row][: self.column]
                del self.rows[self.row + 1 :]
            elif command:
                raise AssertionError(f"an escape sequence that is not expected: {match.group(0)!r}")
            elif match.group(0) == "\r":
                self.column = 0
            elif match.group(0) == "\n":
                self._down()
            else:
                self._write(match.group(0))

    def _down(self) -> None:
        self.row += 1
        while len(self.rows) <= self.row:
            self.rows.append([])

    def _write(self, text: str) -> None:
        assert "\x1b" not in text
        for character in text:
            if self.column == self.columns:
                self.column = 0
                self._down()
            row = self.rows[self.row]
            row += [" "] * (self.column + 1 - len(row))
            row[self.column] = character
            self.column += 1

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.rows]


class Terminal:
    """`carillon ARGS` with its stdin, stdout and stderr on a terminal."""

    def __init__(self, cli: Cli, *args: str, columns: int = 100, rows: int = 40, term: str = "xterm") -> None:
        self._command = [str(program("carillon")), *args]
        self._environment = {**cli.environment(), "TERM": term}
        self._columns, self._rows = columns, rows
        self._lock = threading.Lock()
        self._raw = ""
        self._master = -1

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        self.resize(self._columns, self._rows)
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # EIO: the other side is closed
                return
            if not piece:
                return
            with self._lock:
                self._raw += piece.decode(errors="replace")

    def resize(self, columns: int, rows: int = 40) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_as_a_shell_left_it(self) -> bool:
        """Whole lines, echoed."""
        return termios.tcgetattr(self._master)[3] & (termios.ICANON | termios.ECHO) == termios.ICANON | termios.ECHO

    def signal(self, signo: int) -> None:
        self._process.send_signal(signo)

    @property
    def pid(self) -> int:
        return self._process.pid

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def raw(self) -> str:
        with self._lock:
            return self._raw

    def lines(self) -> list[str]:
        """The screen as it is now, of the width it began with."""
        screen = Screen(self._columns)
        screen.feed(self.raw())
        return screen.lines()

    def text(self) -> str:
        return "\n".join(self.lines())

    def wait(self) -> int:
        """Its exit status; negative: the signal it died of."""
        status = self._process.wait(END_DEADLINE_S)
        self._reader.join(END_DEADLINE_S)
        assert not SANITIZER.search(self.raw()), self.raw()[:8000]
        return status

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)
