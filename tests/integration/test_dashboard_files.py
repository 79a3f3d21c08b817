# SPDX-License-Identifier: Apache-2.0
"""GET /dashboard: the page and its files, as this build has them."""

from __future__ import annotations

import gzip
import pathlib
import re

import pytest

from tests.support.producer_api import Api

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "producer/web/dashboard"
FILES = sorted(path.name for path in FOLDER.iterdir())
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_folder_is_served_as_it_is(api: Api, name: str) -> None:
    answer = api.get(f"/dashboard/{name}")
    assert answer.status == 200 and answer.body == (FOLDER / name).read_bytes()
    assert answer.headers["content-type"] == TYPES.get(pathlib.Path(name).suffix, answer.headers["content-type"])


def test_the_page_is_what_every_path_without_an_ending_shows(api: Api) -> None:
    page = (FOLDER / "index.html").read_bytes()
    for path in ("", "index.html", "batches/batch_c0_x", "batches/batch_c0_x/", "a.b/c", "batches/x?tab=calls"):
        answer = api.get(f"/dashboard/{path}")
        assert (answer.status, answer.body) == (200, page), path
    moved = api.get("/dashboard")
    assert (moved.status, moved.headers["location"]) == (308, "/dashboard/")


@pytest.mark.parametrize("path", ["/dashboard/none.js", "/dashboard/batches/app.js", "/dashboard/..", "/dashboard/%2e%2e%2fapp.js"])
def test_a_file_that_is_none_is_not_found(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.code) == (404, "ROUTE_NOT_FOUND")


def test_nothing_can_be_written_there(api: Api) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert api.request(method, "/dashboard/app.js").status == 405


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/chart.js", "/dashboard/app.js"])
def test_a_file_runs_nothing_but_what_this_server_gave_and_is_framed_by_nobody(api: Api, path: str) -> None:
    headers = api.get(path).headers
    told = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert told == POLICY
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/chart.js"])
def test_what_the_browser_has_is_not_sent_again(api: Api, path: str) -> None:
    first = api.get(path)
    tag = first.headers["etag"]
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', tag) and first.headers["cache-control"] == "no-cache"
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = api.request("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), known
    assert api.request("GET", path, headers={"If-None-Match": '"other"'}).body == first.body
    head = api.request("HEAD", path)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", tag)


@pytest.mark.parametrize("accepted, is_taken", [
    ("gzip", True), ("GZIP", True), ("deflate, gzip;q=1.0, br", True), ("br,gzip ; q=0.5", True), ("identity", False), ("", False),
    ("gzip;q=0", False), ("gzip; q=0.000", False), ("xgzip", False), ("gzipx, br", False), ("br;q=1", False),
])  # fmt: skip
def test_what_compresses_is_sent_compressed_to_who_takes_it(api: Api, accepted: str, is_taken: bool) -> None:
    plain = api.get("/dashboard/chart.js")
    answer = api.request("GET", "/dashboard/chart.js", headers={"Accept-Encoding": accepted})
    assert (answer.headers.get("content-encoding") == "gzip") == is_taken
    assert (gzip.decompress(answer.body) if is_taken else answer.body) == plain.body
    assert not is_taken or len(answer.body) < len(plain.body) / 2
    for told in (plain, answer):
        assert (told.headers["vary"], told.headers["etag"]) == ("Accept-Encoding", plain.headers["etag"])


def test_the_charts_come_from_debian_with_their_licence(api: Api) -> None:
    text = api.get("/dashboard/chart.js").body
    assert text == pathlib.Path("/usr/share/javascript/chart.js/chart.min.js").read_bytes()
    assert b"MIT License" in text[:400]


def test_files_name_no_other_host(api: Api) -> None:
    for name in FILES:
        text = (FOLDER / name).read_bytes().replace(b"http://www.w3.org/2000/svg", b"")
        assert not re.findall(rb"https?://|src=[\"']//", text), name
