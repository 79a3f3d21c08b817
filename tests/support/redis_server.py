# SPDX-License-Identifier: Apache-2.0
"""A private redis-server for one test: a Unix socket and its data in a temporary directory, gone afterwards.

    with RedisServer(appendonly=True) as server:
        server.client().set("a", "1")
        server.kill()
        server.restart()

With `users` it has the users of deploy/users.acl beside an open default user for the test itself, and as_user() says
how a process signs in; with `tls` it takes TLS connections as well. It never outlives the process that started it. After a failure the end of its log is printed (pytest shows what a
fixture prints on teardown only for tests that failed).
"""

from __future__ import annotations

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from types import TracebackType

import redis

from tests.support.children import start_child
from tests.support.redis_clock import RedisClock
from tests.support.redis_tls import Tls
from tests.support.redis_users import Users
from tests.support.waiting import wait_until

START_DEADLINE_S = 60.0  # it reads what it has written: on a busy machine that takes a while
STOP_DEADLINE_S = 10.0
POLL_S = 0.01
LOG_TAIL_LINES = 40


class RedisServer:
    """One redis-server. Made stopped; start() or `with` starts it. The data stay across kill() and restart()."""

    def __init__(
        self,
        appendonly: bool = False,
        maxmemory_policy: str = "noeviction",
        port: int = 0,
        args: tuple[str, ...] = (),
        users: Users | None = None,
        tls: Tls | None = None,
        is_clock_decreed: bool = False,
    ) -> None:
        """`port` 0: the Unix socket only. `args`: further options, such as ("--aclfile", path). `is_clock_decreed`: its wall
        time is what `clock` says."""
        # A short path of its own: a Unix socket's name holds at most 107 bytes.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-redis-"))
        self.socket = self.directory / "redis.sock"
        self.log = self.directory / "redis.log"
        self.port = port
        self.users = users
        self.tls = tls
        self._clock = RedisClock(self.directory / "clock") if is_clock_decreed else None
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[redis.Redis] = []
        self._command = [
            *("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", "redis-server"),  # fill_disk() must not kill it
            *("--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self.directory), "--save", "", "--appendonly", "yes" if appendonly else "no"),
            *("--maxmemory-policy", maxmemory_policy, "--enable-debug-command", "local"),
            *(users.server_options() if users else ()),
            *(tls.server_options() if tls else ()),
            *args,
        ]

    @property
    def url(self) -> str:
        """What --redis-url takes: TLS where there is some."""
        return f"rediss://127.0.0.1:{self.tls.port}" if self.tls else f"unix://{self.socket}"

    def access(self, user: str) -> dict[str, str]:
        """The options by which a process reaches it as `user` of deploy/users.acl, where it has those users; by their names
        in a file."""
        return {
            "redis_url": self.url,
            **(self.users.options(user) if self.users else {}),
            **(self.tls.options() if self.tls else {}),
        }

    def flags(self, user: str, **instead: str) -> list[str]:
        """The same as arguments."""
        options = {**self.access(user), **instead}
        return [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), value)]

    def environment(self, user: str) -> dict[str, str]:
        """The same as environment variables."""
        return {"CARILLON_" + name.upper(): value for name, value in self.access(user).items()}

    def denials(self) -> list[str]:
        """What Redis has refused Carillon's users, newest first: "user: command|key|channel what"."""
        return [
            f"{entry['username']}: {entry['reason']} {entry['object']} ({entry['context']})"
            for entry in self.client(decode_responses=True).acl_log()
            if entry["username"].startswith("carillon-")
        ]

    @property
    def pid(self) -> int:
        assert self._process is not None, "redis-server is not running"
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def clock(self) -> RedisClock:
        assert self._clock is not None, "its wall time is nobody's to decree"
        return self._clock

    def start(self, deadline_s: float = START_DEADLINE_S) -> RedisServer:
        """Returns when it has read its data and answers."""
        assert self._process is None, "redis-server is running already"
        self.socket.unlink(missing_ok=True)
        environment = {**os.environ, **(self._clock.environment() if self._clock else {})}
        with self.log.open("ab") as log:
            self._process = start_child(self._command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            self._wait_until_it_answers(deadline_s)
        except BaseException:
            self.print_log_tail()
            self.kill()
            raise
        return self

    def _wait_until_it_answers(self, deadline_s: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + deadline_s
        # Signed in, where one must be: to strangers a server that still reads its data says only that they are.
        admin = self.users.admin() if self.users else {}
        probe = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=deadline_s, **admin)
        seen: object = None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"redis-server ended with {self._process.returncode} instead of starting")
            try:
                probe.ping()
            except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
                probe.close()
                return  # it answers; who may do what is the test's matter
            except redis.RedisError as error:  # not listening yet, or reading its data
                seen = error
                time.sleep(POLL_S)
            else:
                probe.close()
                return
        raise RuntimeError(f"redis-server did not answer PING within {deadline_s} s, last: {seen}")

    def kill(self) -> None:
        """SIGKILL: the server gets no chance to write or say anything."""
        self._end(signal.SIGKILL)

    def kill_written(self) -> None:
        """SIGKILL, once what it has answered so far is in its append-only file: while a sync takes long, it keeps what is to be
        written for up to two seconds."""
        client = self.client()
        wait_until(lambda: client.info("persistence").get("aof_buffer_length", 0) == 0, 10.0, "the append-only file has all")
        self.kill()

    def stop_running(self) -> None:
        """SIGSTOP: it hangs until continue_running(), and whoever asks it waits."""
        os.kill(self.pid, signal.SIGSTOP)

    def continue_running(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _aof(self) -> pathlib.Path:
        """The file that new writes are appended to."""
        return max((self.directory / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime_ns)

    def fill_disk(self) -> None:
        """No file that it writes grows any further, until free_disk(): what a full disk does. Needs an append-only file."""
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (self._aof().stat().st_size, unlimited))

    def free_disk(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def mark_tail(self) -> int:
        """From here on, what is written is the tail that kill_and_lose_tail() loses."""
        return self._aof().stat().st_size

    def kill_and_lose_tail(self, mark: int) -> None:
        """What the loss of its machine does: SIGKILL, and the append-only file ends where `mark` was taken."""
        self.kill()
        os.truncate(self._aof(), mark)

    def terminate(self) -> None:
        """SIGTERM: it shuts down in order. The data stay for restart()."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Starts it on the same data, after an orderly end where it still runs."""
        self.terminate()
        self.start()

    def stop(self) -> None:
        """Ends it and removes its directory."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.kill()
        if self._clock:
            self._clock.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, signo: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(signo)
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.print_log_tail()
            raise
        finally:
            self._process = None

    def client(self, **options: object) -> redis.Redis:
        """A connection pool to it, closed by stop(). Bytes in, bytes out unless `options` say otherwise."""
        admin = self.users.admin() if self.users else {}
        settings: dict[str, object] = {"decode_responses": False, "socket_timeout": 10.0, **admin, **options}
        client = redis.Redis(unix_socket_path=str(self.socket), **settings)  # type: ignore[arg-type]
        self._clients.append(client)
        return client

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def print_log_tail(self) -> None:
        print(f"---- {self.log} ----\n{self.log_tail()}\n----", file=sys.stderr)

    def __enter__(self) -> RedisServer:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or "PYTEST_CURRENT_TEST" in os.environ:
            self.print_log_tail()
        self.stop()
