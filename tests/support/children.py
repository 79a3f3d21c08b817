# SPDX-License-Identifier: Apache-2.0
"""Processes that do not outlive the one that started them, however it ends: the kernel kills them with it. It does so with
the *thread* that started them, so all are started by one that stays; whoever asks may be a thread that is soon gone."""

from __future__ import annotations

import concurrent.futures
import subprocess
from typing import Any

_STARTER = concurrent.futures.ThreadPoolExecutor(1, "starter")


def start_child(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """`options`: as subprocess.Popen takes them. Without an input."""
    bound = ["setpriv", "--pdeathsig", "KILL", *command]
    return _STARTER.submit(subprocess.Popen, bound, stdin=subprocess.DEVNULL, **options).result()
