#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/config.md is what the programs' --help says, which is what their tables of options say. Without --write it only
looks, and fails where the page is another."""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from deploy.help_text import DAEMONS, Option, help_of, options_of, verbs_of  # noqa: E402
from tests.lint import written_page  # noqa: E402
from tests.support.processes import program  # noqa: E402

PAGE = ROOT / "docs" / "config.md"
HEAD = """# Configuration

Written by `make docs` from the programs' own `--help`; do not edit. A test holds the two together.

Every option of a process is a flag, an environment variable and a line of an INI file, in that order of precedence:
`--redis-url X` or `--redis-url=X`, `CARILLON_REDIS_URL=X`, `redis_url = X` in the file that `--config FILE` or
`CARILLON_CONFIG` names. All faults are told together, and nothing is started with one. `--help` prints the options,
`--version` the version.

- In the file, lines before the first group are for every process, those under `[carillon-worker]` for that one only, those
  under `[carillon]` for the command line tool; a group that is no process's is a fault. Comments begin with `#` or `;` on lines
  of their own; there are no quotes.
- An option given twice is a fault unless it is *repeatable*. In the environment and in the file, the values of a repeatable
  option are separated by commas. A variable that is set but empty counts as not set.
- What is *read again* is taken from the file anew at SIGHUP.
- No option takes a secret: secrets lie in files, one line each, and the option names the file.

```ini
redis_url = rediss://redis.internal:6380/0
redis_ca_file = /etc/carillon/redis-ca.pem
secrets_key_file = /etc/carillon/secrets.key

[carillon-worker]
redis_user = carillon-worker
redis_password_file = /etc/carillon/carillon-worker.password
public_url = https://callbacks.example

[carillon-notifier]
redis_user = carillon-notifier
redis_password_file = /etc/carillon/carillon-notifier.password
```

| exit code | |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | usage: a flag makes no sense, or a required option is missing |
| 3 | configuration: the environment, the file or a file that an option names; a cell of another schema; a permission that the user of Redis lacks |
| 4 | Redis cannot be reached at start, or is not fit: it does not prove who it is, refuses the password, is a replica, or evicts keys |
"""

REDIS = """
## Redis

| URL | |
|---|---|
| `redis://HOST[:PORT][/DB]` | in the clear: for a network that nobody else is on. An IPv6 address stands in brackets. Port 6379 and database 0 where none is named |
| `rediss://HOST[:PORT][/DB]` | the same over TLS |
| `unix:///PATH[?db=N]` | a Unix socket |
| `sentinel://HOST[:PORT],.../NAME[/DB]` | the primary that one to eight Sentinels know as NAME. Port 26379 where none is named |
| `sentinels://HOST[:PORT],.../NAME[/DB]` | the same, with Sentinels and primary over TLS |

User and password are no part of the URL, which ends up in process lists. Whose rights a process needs is written in
`deploy/users.acl`; `deploy/make-users.sh` makes users and passwords of it ([SECURITY.md](SECURITY.md)).

**TLS** is spoken in version 1.2 or 1.3. The server's certificate must lead to an authority of `--redis-ca-file` (the
system's where it is not given) and name the host of the URL; an address must stand among the certificate's IP entries.
There is no switch to do without: a server that does not prove itself is told nothing, no password either. A server that asks
for a client certificate gets the one of `--redis-cert-file` with the key of `--redis-key-file`. The three files are read
again at each connection, so a renewed certificate needs no restart. They are refused with a URL that does not mean TLS. With
`sentinels://` the primary's certificate must name it as the Sentinels do: by its address, or by its name where they are set
to `announce-hostnames`. The handshake counts into the five seconds that an attempt to connect may take.

**Sentinel** is asked at each connection who the primary is, and what it names is asked for its `ROLE`; a failover needs nothing
done here ([operations.md](operations.md#redis-with-sentinel)). `--redis-user` and `--redis-password-file` are for Redis alone;
Sentinels that want a password get that of `--redis-sentinel-password-file`. A replica that Sentinel names is asked again, and
is no reason to end a process at its start.

**At start** a process asks for `ROLE` (a primary is needed), `INFO memory` (`maxmemory-policy` must be `noeviction`) and
`INFO server`, loads its scripts and opens its cells. For ten seconds it waits for a Redis that is not there yet. What waiting
does not change ends it at once, in a line `redis.unusable` with a `reason`: `tls`, `auth`, `permission` (the `detail` names
the user and what was refused; for a script, `ACL LOG` in Redis names the command), `replica`, `policy`, `scripts`. Later it
goes on trying, with `redis.down` in the log and 503 at `/readyz`.
"""


def default_of(option: Option) -> str:
    for mark in option.marks:
        if mark.startswith("default: "):
            return f"`{mark.removeprefix('default: ')}`"
    return "required" if "required" in option.marks else ""


def text_of(option: Option) -> str:
    """The meaning, with what it may be and how it is given."""
    ranges = [mark for mark in option.marks if re.fullmatch(r"-?\d+ to \d+", mark)]
    choices = [" or ".join(f"`{choice}`" for choice in option.spelling.split("|"))] if "|" in option.spelling else []
    ways = [mark for mark in option.marks if mark in ("repeatable", "read again at SIGHUP")]
    extra = "; ".join([*ranges, *choices, *ways])
    return (option.meaning + (f" ({extra})" if extra else "")).replace("|", "\\|")


def programs() -> pathlib.Path:
    return program(DAEMONS[0]).parent


def table(options: list[Option]) -> list[str]:
    lines = ["| flag | environment | file | default | |", "|---|---|---|---|---|"]
    for option in options:
        name = option.name.replace("-", "_")
        lines.append(f"| `--{option.name}` | `CARILLON_{name.upper()}` | `{name}` | {default_of(option)} | {text_of(option)} |")
    return [*lines, ""]


def daemons() -> list[str]:
    """What all have alike, then what each has for itself."""
    by_daemon = {daemon: options_of(help_of(programs(), daemon)) for daemon in DAEMONS}
    first = by_daemon[DAEMONS[0]]
    common = [option for option in first if all(option in options for options in by_daemon.values())]
    lines = ["", "## Every process", "", *table(common)]
    for daemon, options in by_daemon.items():
        lines += [f"## {daemon}", "", *table([option for option in options if option not in common])]
    return lines


def verbs() -> list[str]:
    found = verbs_of(programs())
    lines = ["## carillon", "", "The command line tool. What every verb takes:", "", *table(list(found[0].common))]
    lines += ["What single verbs take, as flags only:", "", "| verb | flag | default | |", "|---|---|---|---|"]
    for verb in found:
        lines.append(f"| `{verb.words}` | | | {verb.meaning} |")
        lines += [f"| | `--{option.name}` | {default_of(option)} | {text_of(option)} |" for option in verb.options]
    return lines


def page() -> str:
    return "\n".join([HEAD.rstrip("\n"), *daemons(), *verbs()]) + "\n" + REDIS


if __name__ == "__main__":
    sys.exit(written_page.run(PAGE, page, "--help says", __doc__))
