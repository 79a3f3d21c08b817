# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of one test, what it issues, and a redis-server's TLS. The certificates are made by openssl.

    authority = Authority(tmp_path)
    tls = Tls(authority.issue("redis", "IP:127.0.0.1"), authority.file)
    with RedisServer(tls=tls) as server:
        Process("carillon-worker", *server.flags("carillon-worker"), ...)
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import random
import socket
import subprocess

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
# Below the ports that the system gives to outgoing connections, so that a restarted server finds its port free.
PORTS = range(20000, 32000)


@dataclasses.dataclass(frozen=True)
class Certificate:
    """PEM files, by absolute paths: redis-server takes no others."""

    file: pathlib.Path
    key: pathlib.Path


class Authority:
    def __init__(self, directory: pathlib.Path, name: str = "authority") -> None:
        self._directory = directory
        self.file = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._openssl("req", "-x509", *NEW_KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", self._key, "-out", self.file)

    def issue(self, name: str, alt_names: str = "", days: int = 1) -> Certificate:
        """A certificate valid for that long; negative: no more. `alt_names`: "DNS:localhost,IP:127.0.0.1"."""
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request, extensions = self._directory / f"{name}.csr", self._directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alt_names}\n" if alt_names else "", encoding="ascii")
        self._openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", str(days)),
            *("-extfile", extensions, "-out", made.file),
        )
        return made

    @staticmethod
    def _openssl(*args: str | pathlib.Path) -> None:
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def free_port() -> int:
    chosen = random.Random(os.urandom(8))
    while True:
        port = chosen.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Tls:
    """The TLS side of a server, and what its clients need. `client`: the certificate that it demands of them."""

    def __init__(self, server: Certificate, authority: pathlib.Path, client: Certificate | None = None) -> None:
        self.port = free_port()
        self._server = server
        self._authority = authority
        self._client = client

    def server_options(self) -> list[str]:
        return [
            *("--tls-port", str(self.port), "--tls-auth-clients", "yes" if self._client else "no"),
            *("--tls-cert-file", str(self._server.file), "--tls-key-file", str(self._server.key)),
            *("--tls-ca-cert-file", str(self._authority)),
        ]

    def options(self) -> dict[str, str]:
        """What a process is started with."""
        own = {"redis_cert_file": str(self._client.file), "redis_key_file": str(self._client.key)} if self._client else {}
        return {"redis_ca_file": str(self._authority), **own}
