# SPDX-License-Identifier: Apache-2.0
"""A receiver's check of a Standard Webhooks signature, written from the specification and apart from the code that signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Mapping

TOLERANCE_S = 300


def verifies(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """`secret`: "whsec_" and base64; `headers` by lower-case name."""
    identity, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not identity or "." in identity or not stamp.isdigit() or abs(now_s - int(stamp)) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    wanted = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    for token in given.split(" "):
        version, _, signature = token.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64encode(wanted).decode(), signature):
            return True
    return False
