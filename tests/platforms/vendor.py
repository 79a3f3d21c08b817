# SPDX-License-Identifier: Apache-2.0
"""The vendors' packages at work: their SDKs (sdk.js), and Prism, which holds a conversation against an OpenAPI document.

    results = Sdk("twilio", carrier.url).do(("create", {"to": ...}), ("get", sid))
    with Prism(twilio_document(), carrier.url, tmp_path) as prism:
        ...  # whoever talks to prism.url talks to the carrier, and prism.violations() says what was not as documented
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
from types import TracebackType
from typing import Any

from tests.support.carrier import ACCOUNT, KEY, Carrier
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

PACKAGES = ROOT / "build" / "platforms" / "node_modules"
DOCUMENT = PACKAGES / "@twilio" / "cli-core" / "src" / "services" / "twilio-api" / "twilio_api_v2010.json"
CALLS = "/2010-04-01/Accounts/{AccountSid}/Calls.json"
CALL = "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json"
DEADLINE_S = 60.0
LISTENING = re.compile(r"Prism is listening on (http://\S+)")


def run_node(script: str, task: Any) -> Any:
    """What a script beside this module makes of the task, by the vendors' packages."""
    ended = subprocess.run(
        ["node", str(pathlib.Path(__file__).parent / script)],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, "NODE_PATH": str(PACKAGES)},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


class SdkError(Exception):
    """What the SDK raised, as sdk.js describes it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told)
        self.status = told.get("status")
        self.code = told.get("code")
        self.message = told.get("message") or ""
        self.more_info = told.get("moreInfo")


class Sdk:
    """One vendor's SDK, pointed at `url`."""

    def __init__(self, vendor: str, url: str, key: str = KEY, account: str = ACCOUNT) -> None:
        self._task = {"vendor": vendor, "url": url, "key": key, "account": account}

    def do(self, *steps: tuple[Any, ...]) -> list[Any]:
        """Each step is (name, argument...). A step's result is its value, or the SdkError that it raised."""
        task = {**self._task, "steps": [[name, arguments] for name, *arguments in steps]}
        results = run_node("sdk.js", task)
        return [SdkError(result["error"]) if "error" in result else result["value"] for result in results]

    def one(self, *step: Any) -> Any:
        """One step that must succeed."""
        (result,) = self.do(step)
        if isinstance(result, SdkError):
            raise result
        return result


def twilio_document() -> dict[str, Any]:
    """Twilio's OpenAPI document, cut to the paths of calls, with what it leaves out or has wrong set right:
    - StatusCallbackEvent is repeated on the wire, as the vendor's own SDKs write it; the document does not say how;
    - dates may be days, and the addresses of pages have no host, as its own descriptions and examples have them;
    - only the good answers are there: the error answers are added as twilio.com/docs/usage/twilios-response has them."""
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    document["paths"] = {path: document["paths"][path] for path in (CALLS, CALL)}
    form = document["paths"][CALLS]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    form["encoding"] = {"StatusCallbackEvent": {"style": "form", "explode": True}}
    for parameter in document["paths"][CALLS]["get"]["parameters"]:
        if parameter["schema"].get("format") == "date-time":
            del parameter["schema"]["format"]
    page = document["paths"][CALLS]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    for name in page:
        if page[name].get("format") == "uri":
            del page[name]["format"]
    error = {
        "type": "object",
        "required": ["code", "message", "more_info", "status"],
        "additionalProperties": False,
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "more_info": {"type": "string", "format": "uri"},
            "status": {"type": "integer"},
        },
    }
    for path in document["paths"].values():
        for verb in path.values():
            for status in (400, 401, 403, 404, 429, 500, 503) if "responses" in verb else ():
                answer = {"description": "error", "content": {"application/json": {"schema": error}}}
                verb["responses"][str(status)] = answer
    return document


class Prism:
    """Stands between a client and `upstream`, and says of each request and answer whether it is as documented. A request
    that is not is answered by Prism itself, with 422 and the like, and goes no further; nor does a bad answer."""

    def __init__(self, document: dict[str, Any], upstream: str, directory: pathlib.Path) -> None:
        self.url = ""
        self._log = directory / "prism.log"
        self._document = directory / "document.json"
        self._document.write_text(json.dumps(document))
        self._upstream = upstream
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Prism:
        command = [str(PACKAGES / ".bin" / "prism"), "proxy", str(self._document), self._upstream, "--errors"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command, "--host", "127.0.0.1", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self._process
        try:
            wait_until(lambda: LISTENING.search(self.log()) or process.poll() is not None, DEADLINE_S, "Prism listens")
            found = LISTENING.search(self.log())
            assert found, self.log()
        except BaseException:
            self._end()
            raise
        self.url = found.group(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if kind is not None:
            print("\n".join(self.log().splitlines()[-60:]))

    def _end(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def violations(self) -> list[str]:
        """Its log's lines about what was not as documented."""
        return [line for line in self.log().splitlines() if "✖" in line or "iolation" in line]


class Judged:
    """A carrier behind Prism, which holds all that is said between a client and it against Twilio's document."""

    def __init__(self, directory: pathlib.Path, *args: str, key: str = KEY) -> None:
        self.carrier = Carrier(directory, *args, key=key)
        self.directory = directory

    def __enter__(self) -> Judged:
        self.carrier.__enter__()
        self.prism = Prism(twilio_document(), self.carrier.process.url, self.directory)
        try:
            self.prism.__enter__()
        except BaseException as error:
            self.carrier.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.prism.__exit__(*error)
        self.carrier.__exit__(*error)
