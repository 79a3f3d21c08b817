# SPDX-License-Identifier: Apache-2.0
"""Carillon's processes under test: started on a port of their own, waited for by their ready line, ended in order.

    with Process("carillon-carrier", "--listen", "127.0.0.1:0", ...) as carrier:
        urllib.request.urlopen(carrier.url + "/healthz")

Every end looks for sanitizer reports in the process's stderr and fails on one; a failure prints the log's tail. No
process outlives the one that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Iterator, Mapping

from tests.support.children import start_child
from tests.support.waiting import DeadlinePassed, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_DEADLINE_S = 20.0  # a sanitizer build on a busy machine
STOP_DEADLINE_S = 40.0  # a drain waits for a create request that hangs, 30 s at most
LOG_TAIL_LINES = 40
READY = re.compile(r"^listening (https?://\S+)$")
# For a process whose memory is judged: ASan keeps what was freed for a while, here only for a short one.
FRUGAL = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|: runtime error: |SUMMARY: \w+Sanitizer")


def build_directory() -> pathlib.Path:
    """The variant under test: CARILLON_BUILD as the Makefile sets it, the release build by default."""
    return ROOT / os.environ.get("CARILLON_BUILD", "build/release")


def other_build_directory() -> pathlib.Path:
    """Another version of the programs, for tests of two side by side: CARILLON_OTHER_BUILD (`make test-upgrade` sets it to a
    version of the history), by default the next one, which these sources are made to be (next_version.py)."""
    named = os.environ.get("CARILLON_OTHER_BUILD")
    return ROOT / named if named else build_directory() / "next"


def program(name: str, build: pathlib.Path | None = None) -> pathlib.Path:
    """The path of a built program, such as "carillon-worker"; of another build than the one under test."""
    path = (build or build_directory()) / "bin" / name
    assert path.exists(), f"{path} is not built: run make" + (" next-programs" if build else "")
    return path


def program_with_breakpoints(name: str) -> pathlib.Path:
    """The same program from a build that knows CARILLON_BREAKPOINT (common/base/breakpoint.h): the sanitizer build has
    them too, a release has none."""
    directory = build_directory()
    path = (directory if directory.name in ("debug", "asan") else directory.parent / "debug") / "bin" / name
    assert path.exists(), f"{path} is not built: run make VARIANT={path.parent.parent.name}"
    return path


class Process:
    """One process. Made stopped; start() or `with` starts it, and it may be started again after it ended."""

    def __init__(
        self,
        name: str,
        *args: str,
        env: Mapping[str, str] | None = None,
        label: str = "",
        log: pathlib.Path | None = None,
    ) -> None:
        """`name`: a program of ours, or a path. `label`: what to call it in messages, where there are several. `log`: where
        its stderr goes, instead of a file that stop() removes."""
        self.label = label or pathlib.Path(name).name
        self.args = list(args)
        self.url = ""
        self.stdout: list[str] = []
        self._path = pathlib.Path(name) if "/" in name else program(name)
        self._env = {**os.environ, **(env or {})}
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-process-"))
        self.log = log or self._directory / "stderr.log"
        self._scanned = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    # ---- start ----

    def start(self, wait: bool = True) -> Process:
        """Starts it and, with `wait`, returns once it has said where it listens."""
        assert self._process is None, f"{self.label} is running already"
        self.url = ""
        self.stdout = []
        with self.log.open("ab") as log:
            self._process = start_child(
                [str(self._path), *self.args], stdout=subprocess.PIPE, stderr=log, env=self._env, text=True
            )
        self._reader = threading.Thread(target=self._read_stdout, args=(self._process,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()
        return self

    def _read_stdout(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.stdout.append(line.rstrip("\n"))
            ready = READY.match(self.stdout[-1])
            if ready and process is self._process:
                self.url = ready.group(1)

    def wait_ready(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Returns once the ready line is there; `url` holds what it said."""
        process = self._running()
        try:
            wait_until(lambda: self.url or process.poll() is not None, deadline_s, f"{self.label} says it is ready")
        except DeadlinePassed:
            self.print_log_tail()
            self.kill()
            raise
        if process.poll() is not None and self._reader:
            self._reader.join(deadline_s)  # one that ended at once has said so before, perhaps
        if not self.url:
            self.print_log_tail()
            status = self.wait()
            raise AssertionError(f"{self.label} ended with {status} instead of getting ready")

    def keep_address(self) -> None:
        """Its next starts listen where this one does."""
        at = self.args.index("--listen") + 1
        self.args[at] = f"{self.args[at].rpartition(':')[0]}:{self.port}"

    def move_to(self, build: pathlib.Path) -> None:
        """Ends it in order where it runs, and starts the program of another build in its place, at the same address."""
        if self._process is not None:
            self.keep_address()
            self.terminate()
        self.be_of(build)
        self.start()

    def be_of(self, build: pathlib.Path) -> None:
        """It does not run, and starts as the program of that build from now on."""
        assert self._process is None, f"{self.label} is running"
        self._path = program(self._path.name, build)

    # ---- while it runs ----

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, f"{self.label} is not running"
        return self._process

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def is_running(self) -> bool:
        process = self._process  # another thread may end it
        return process is not None and process.poll() is None

    def signal(self, signo: int) -> None:
        self._running().send_signal(signo)

    def stop_running(self) -> None:
        """SIGSTOP: it hangs until continue_running()."""
        self.signal(signal.SIGSTOP)

    def wait_stopped(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Waits until it hangs: at its breakpoint, say."""
        status = pathlib.Path(f"/proc/{self.pid}/stat")
        wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", deadline_s, f"{self.label} has stopped")

    def continue_running(self) -> None:
        self.signal(signal.SIGCONT)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hangs it for the length of a `with`."""
        self.stop_running()
        try:
            yield
        finally:
            self.continue_running()

    def rss_kb(self) -> int:
        """Its resident memory."""
        return self._memory_kb("VmRSS")

    def peak_kb(self) -> int:
        """The most that its resident memory ever was."""
        return self._memory_kb("VmHWM")

    def rss_if_running_kb(self) -> int:
        """The same, or 0 where it has ended or ends meanwhile."""
        process = self._process
        return memory_kb(process.pid, "VmRSS") if process else 0

    def _memory_kb(self, name: str) -> int:
        found = memory_kb(self.pid, name)
        assert found
        return found

    # ---- the end ----

    def wait(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        """Waits for its end and gives its exit status (negative: the signal that killed it)."""
        process = self._running()
        try:
            status = process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.print_log_tail()
            process.kill()
            process.wait()
            raise DeadlinePassed(f"{self.label} did not end within {deadline_s} s") from None
        finally:
            assert self._reader is not None
            self._reader.join()
            self._process = None
        self._check_sanitizers()
        return status

    def kill(self) -> None:
        """SIGKILL: it gets no chance to do anything."""
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self, expect: int = 0) -> None:
        """SIGTERM: it drains and ends; its exit status must be `expect`."""
        self.signal(signal.SIGTERM)
        status = self.wait()
        if status != expect:
            self.print_log_tail()
            raise AssertionError(f"{self.label} ended with {status} after SIGTERM, not {expect}")

    def stop(self) -> None:
        """Ends it in order where it runs, and removes what it left."""
        try:
            if self._process is not None:
                self.continue_running()
                self.terminate()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _check_sanitizers(self) -> None:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        report = SANITIZER.search(text, self._scanned)
        if report:
            start = text.rfind("\n", 0, report.start()) + 1
            raise AssertionError(f"{self.label}: a sanitizer reports\n{text[start : start + 8000]}")
        self._scanned = len(text)

    def is_ready(self) -> bool:
        """By its port for operators."""
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            assert error.code == 503
            return False

    # ---- what it said ----

    def log_text(self) -> str:
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return "(no log)"

    def log_events(self, event: str) -> list[dict[str, Any]]:
        """The lines of its JSON log whose event is `event`."""
        lines = []
        for line in self.log_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("event") == event:
                    lines.append(entry)
        return lines

    def print_log_tail(self) -> None:
        tail = "\n".join(self.log_text().splitlines()[-LOG_TAIL_LINES:])
        print(f"---- {self.label} ----\n{tail}\n----", file=sys.stderr)

    def __enter__(self) -> Process:
        try:
            return self.start()
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # pytest shows this only for tests that failed.
        if kind is not None or "PYTEST_CURRENT_TEST" in os.environ:
            self.print_log_tail()
        self.stop()


def memory_kb(pid: int, name: str) -> int:
    """A figure of /proc/PID/status, 0 where the process is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found.group(1)) if found else 0


def run(name: str, *args: str, deadline_s: float = 30.0, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program of ours to its end: a command line tool, or a start that must fail."""
    ended = subprocess.run(
        [str(program(name)), *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
        **options,
    )
    assert not SANITIZER.search(ended.stderr), f"{name}: a sanitizer reports\n{ended.stderr[:8000]}"
    return ended
