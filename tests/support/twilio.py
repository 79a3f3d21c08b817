# SPDX-License-Identifier: Apache-2.0
"""Twilio's webhook signature, as twilio.com/docs/usage/security describes it: the base64 of HMAC-SHA1 under the auth token
of the URL followed by each form parameter's name and value, sorted by name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.parse


def sign(url: str, form: dict[str, str], auth_token: str) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def read_form(body: bytes) -> dict[str, str]:
    pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), f"a name is there twice: {pairs}"
    return dict(pairs)
