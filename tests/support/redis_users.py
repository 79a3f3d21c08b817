# SPDX-License-Identifier: Apache-2.0
"""The users of deploy/users.acl with passwords of their own, made by deploy/make-users.sh as an operator makes them.

    with RedisServer(users=Users.for_tests()) as server:
        Process("carillon-worker", *server.flags("carillon-worker"), ...)
"""

from __future__ import annotations

import atexit
import functools
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_USERS = ROOT / "deploy" / "make-users.sh"
CELLS = ("c0", "c1", "c2")  # that tests work in
ADMIN = "redis-admin"
OPEN_DEFAULT = "user default on nopass ~* &* +@all"


class Users:
    """A file of users and the files of their passwords."""

    def __init__(self, directory: pathlib.Path, cells: tuple[str, ...] = CELLS, is_default_open: bool = False) -> None:
        """`is_default_open`: the default user may do everything without a password: the test itself, beside processes that
        sign in."""
        subprocess.run([str(MAKE_USERS), str(directory), *cells], check=True, capture_output=True)
        self.directory = directory
        self.is_default_open = is_default_open
        self.file = directory / "users.acl"
        if is_default_open:
            lines = self.file.read_text(encoding="ascii").splitlines()
            kept = [line for line in lines if not line.startswith("user default ")]
            assert len(kept) == len(lines) - 1
            self.file.write_text("\n".join([OPEN_DEFAULT, *kept]) + "\n", encoding="ascii")

    @staticmethod
    @functools.cache
    def for_tests() -> Users:
        """Made once a test process: the open default user and Carillon's own."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="carillon-users-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return Users(directory, is_default_open=True)

    def server_options(self) -> list[str]:
        return ["--aclfile", str(self.file)]

    def admin(self) -> dict[str, str]:
        """How the test itself signs in, by redis-py's names."""
        return {} if self.is_default_open else {"username": ADMIN, "password": self.password(ADMIN)}

    def password_file(self, user: str) -> pathlib.Path:
        return self.directory / f"{user}.password"

    def password(self, user: str) -> str:
        return self.password_file(user).read_text(encoding="ascii")

    def options(self, user: str) -> dict[str, str]:
        """How a process signs in."""
        assert self.password_file(user).exists(), f"no user {user}"
        return {"redis_user": user, "redis_password_file": str(self.password_file(user))}
