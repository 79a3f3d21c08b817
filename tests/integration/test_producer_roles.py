# SPDX-License-Identifier: Apache-2.0
"""What each role may do, on every route of the producer's table: the rows are read from producer/api.c, so that a route which
is added is tried by itself."""

from __future__ import annotations

import dataclasses
import http.client
import pathlib
import re
from typing import Iterator

import pytest

from tests.support.hooks import Notifying
from tests.support.producer_api import Api, numbers
from tests.support.redis_server import RedisServer

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "producer" / "api.c"
OPEN = {"/api/v1/health", "/openapi.yaml", "/docs"}
# A tenant's list where a tenant asks, everybody's where an operator does.
SHARED = {"/api/v1/suppressions"}


@dataclasses.dataclass(frozen=True)
class Route:
    method: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.method} {self.pattern}"

    @property
    def is_read(self) -> bool:
        return self.method == "GET"

    @property
    def is_operators(self) -> bool:
        return self.pattern.startswith("/api/v1/admin/")


def routes() -> list[Route]:
    text = SOURCE.read_text(encoding="utf-8")
    paths = dict(re.findall(r'#define (\w+)\(method_, fn_\).*?\.pattern = "([^"]+)"', text, re.DOTALL))
    (table,) = re.findall(r"ROUTES\[\] = \{(.*?)\n\};", text, re.DOTALL)
    rows = re.findall(r'\.method = "(\w+)",\s*\.pattern = "([^"]+)"', table)
    rows += re.findall(r'SMALL\("(\w+)", "([^"]+)"', table)
    rows += [(method, paths[macro]) for macro, method in re.findall(r'(\w+)\("(\w+)", \w+\)', table) if macro in paths]
    return [Route(*row) for row in rows]


ALL = routes()
# The dashboard's own: see test_dashboard_session.py.
GUARDED = [route for route in ALL if route.pattern not in OPEN and not route.pattern.startswith("/dashboard")]


class Callers:
    """A tenant with a batch, and a key of each role."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.trunk()
        self.keys = {"tenant": api.tenant("acme")}
        self.keys |= {"viewer": api.key("acme", "viewer"), "operator": api.key("", "operator")}
        self.batch = api.create(self.keys["tenant"], numbers(1), scheduledStartTime="2035-01-01T00:00:00Z")
        notifying = Notifying(api.engine.scripts, "acme", self.batch, "https://crm.example/hooks")
        self.endpoint, self.delivery = notifying.endpoint, notifying.queue(0)

    def path(self, route: Route) -> str:
        names = {"/batch/": self.batch, "/call/": f"{self.batch}-0", "/trunks/": "main",
                 "/endpoints/": self.endpoint, "/deliveries/": self.delivery}  # fmt: skip
        (filled,) = [name for part, name in names.items() if part + "{id}" in route.pattern][:1] or ["acme"]
        queries = {"/api/v1/admin/agents": "?tenant=acme" if route.is_read else ""}
        queries |= dict.fromkeys(("/api/v1/batch/check-status", "/api/v1/status/batch", "/api/v1/batch/cancel"), f"?batchId={self.batch}")
        queries |= dict.fromkeys(("/api/v1/call/check-status", "/api/v1/status/call"), f"?callId={self.batch}-0")
        return route.pattern.replace("{id}", filled) + queries.get(route.pattern, "")

    def ask(self, route: Route, role: str) -> tuple[int, bytes]:
        """The status, and the first bytes of the body: some never end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api.process.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
            connection.request(route.method, self.path(route), headers=headers)
            response = connection.getresponse()
            return response.status, response.read() if response.status >= 400 else b""
        finally:
            connection.close()


@pytest.fixture(scope="module")
def callers(redis_server: RedisServer) -> Iterator[Callers]:
    with Api(redis_server) as api:
        yield Callers(api)


def forbidden(answer: tuple[int, bytes]) -> bool:
    return answer[0] == 403 and b'"FORBIDDEN"' in answer[1]


def test_the_table_is_read_whole() -> None:
    assert len(ALL) == len(set(ALL)) > 40
    (table,) = re.findall(r"ROUTES\[\] = \{(.*?)\n\};", SOURCE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(ALL) == len(re.findall(r'\.method =|^    [A-Z]+\("', table, re.MULTILINE))


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_without_a_key_nothing_is_answered_and_nothing_changed(callers: Callers, route: Route) -> None:
    before = callers.api.snapshot()
    status, body = callers.ask(route, "")
    assert status == 401 and b'"UNAUTHORIZED"' in body
    assert callers.api.snapshot() == before


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_viewer_reads_all_that_is_its_tenants_and_changes_nothing(callers: Callers, route: Route) -> None:
    before = callers.api.snapshot()
    answer = callers.ask(route, "viewer")
    if route.is_read and not route.is_operators:
        assert answer[0] == 200, answer
    else:
        assert forbidden(answer), answer
    assert callers.api.snapshot() == before


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_an_operator_has_its_own_routes_and_no_tenants(callers: Callers, route: Route) -> None:
    before = callers.api.snapshot()
    answer = callers.ask(route, "operator")
    if route.is_operators and route.is_read:
        assert answer[0] == 200, answer
    elif route.is_operators or route.pattern in SHARED:
        assert answer[0] not in (401, 403), answer
    else:
        assert forbidden(answer), answer
        assert callers.api.snapshot() == before


@pytest.mark.parametrize("route", [route for route in GUARDED if route.is_operators], ids=str)
def test_a_tenants_key_opens_no_operators_route(callers: Callers, route: Route) -> None:
    before = callers.api.snapshot()
    assert forbidden(callers.ask(route, "tenant"))
    assert callers.api.snapshot() == before
