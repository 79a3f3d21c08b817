# SPDX-License-Identifier: Apache-2.0
"""Storage that speaks as much of S3 as archives need: PUT and HEAD of objects, each request's AWS Signature Version 4
worked out anew from the published rules (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).

    with S3("eu-central-1", "AKID", "the secret") as storage:
        ...
        storage.objects["/bucket/prefix/name"]
"""

from __future__ import annotations

import hashlib
import hmac
import re
from types import TracebackType

from tests.support.http_receiver import Answer, HttpReceiver, Received

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def hmac_sha256(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3:
    def __init__(self, region: str, key_id: str, secret: str) -> None:
        self.region, self.key_id, self.secret = region, key_id, secret
        self.objects: dict[str, bytes] = {}
        self.refused: list[str] = []
        self.fails_with = 0  # a status that every PUT gets
        self._receiver = HttpReceiver(self._answer)
        self.url = self._receiver.url

    def __enter__(self) -> S3:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._receiver.close()

    def _signature(self, request: Received, date: str, signed: str) -> str:
        path, _, query = request.path.partition("?")
        headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in signed.split(";"))
        payload = request.headers["x-amz-content-sha256"]
        canonical = "\n".join([request.method, path, query, headers, signed, payload])
        scope = f"{date}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
        key = hmac_sha256(f"AWS4{self.secret}".encode(), date)
        for part in (self.region, "s3", "aws4_request"):
            key = hmac_sha256(key, part)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def _is_signed(self, request: Received) -> bool:
        match = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if not match or (match["id"], match["region"]) != (self.key_id, self.region):
            return False
        signed = match["signed"].split(";")
        if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed) <= set(request.headers):
            return False
        return hmac.compare_digest(self._signature(request, match["date"], match["signed"]), match["signature"])

    def _answer(self, request: Received) -> Answer:
        if not self._is_signed(request):
            self.refused.append(f"{request.method} {request.path} {dict(request.headers)}")
            return Answer(403, b"" if request.method == "HEAD" else b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        if request.method == "HEAD":
            return Answer(200 if request.path in self.objects else 404)
        if self.fails_with:
            return Answer(self.fails_with, b"<Error><Code>SlowDown</Code></Error>")
        self.objects[request.path] = request.body
        return Answer(200)
