# SPDX-License-Identifier: Apache-2.0
"""Retell's webhook signature, as its SDK makes and checks it: x-retell-signature: v=<ms>,d=<hex>, where d is
HMAC-SHA256 under the API key of the raw body followed by the decimal milliseconds."""

from __future__ import annotations

import hashlib
import hmac
import re
import time

WINDOW_MS = 5 * 60 * 1000
FORM = re.compile(r"v=([0-9]+),d=([0-9a-f]{64})")


def sign(body: bytes, api_key: str, at_ms: int | None = None) -> str:
    stamp = int(time.time() * 1000) if at_ms is None else at_ms
    digest = hmac.new(api_key.encode(), body + str(stamp).encode(), hashlib.sha256).hexdigest()
    return f"v={stamp},d={digest}"


def is_signed(body: bytes, api_key: str, signature: str, now_ms: int | None = None) -> bool:
    form = FORM.fullmatch(signature)
    now = int(time.time() * 1000) if now_ms is None else now_ms
    if form is None or abs(now - int(form.group(1))) > WINDOW_MS:
        return False
    return hmac.compare_digest(sign(body, api_key, int(form.group(1))), signature)
