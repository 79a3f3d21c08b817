# SPDX-License-Identifier: Apache-2.0
"""`carillon archive`: what has ended, whole, in a folder or in storage that speaks S3, before it is removed."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import CONFIGURATION, DONE, FAILED, USAGE, Cli, Ended
from tests.support.producer_api import Api, numbers
from tests.support.s3 import S3

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class Desk:
    """A tenant's key, a folder for archives, and the tool."""

    def __init__(self, api: Api, tenant: str, key: str, folder: pathlib.Path) -> None:
        self.api, self.tenant, self.key, self.folder = api, tenant, key, folder / "archive"
        self.folder.mkdir()
        key_file = folder / "api.key"
        key_file.write_text(key + "\n", encoding="utf-8")
        self.credentials = folder / "s3.credentials"
        self.credentials.write_text(f"{KEY_ID}:{SECRET}\n", encoding="utf-8")
        self.cli = Cli(url=api.process.url, api_key_file=key_file)

    def ended(self, contacts: int = 3) -> str:
        batch = self.api.create(self.key, numbers(contacts))
        assert self.api.post(f"/api/v1/batch/{batch}/cancel", key=self.key).status == 200
        return batch

    def __call__(self, *args: str | pathlib.Path) -> Ended:
        return self.cli("archive", self.folder, *args)

    def to_s3(self, storage: S3, *args: str | pathlib.Path, target: str = "s3://calls/2027/acme") -> Ended:
        where = ("--s3-endpoint", storage.url, "--s3-region", storage.region, "--s3-credentials-file", self.credentials)
        return self.cli("archive", target, *where, *args)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def is_kept(self, batch: str) -> bool:
        return self.api.get(f"/api/v1/batch/{batch}", self.key).status == 200


TENANTS = itertools.count(1)


@pytest.fixture
def desk(api: Api, tmp_path: pathlib.Path) -> Desk:
    """Of a tenant that has no other batches."""
    tenant = f"desk{next(TENANTS)}"
    api.trunk()
    return Desk(api, tenant, api.tenant(tenant), tmp_path)


@pytest.fixture
def storage() -> Iterator[S3]:
    with S3("eu-central-1", KEY_ID, SECRET) as running:
        yield running


def read_archive(content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The batch and its calls; fails where the file is not whole."""
    *lines, last = content.splitlines(keepends=True)
    end = json.loads(last)["end"]
    assert end == {"calls": len(lines) - 1, "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    rows = [json.loads(line) for line in lines]
    assert set(rows[0]) == {"batch"} and all(set(row) == {"call"} for row in rows[1:])
    return rows[0]["batch"], [row["call"] for row in rows[1:]]


def test_an_archive_holds_the_batch_and_each_of_its_calls_as_the_api_tells_them(desk: Desk) -> None:
    batch = desk.ended(70)
    told = desk.api.get(f"/api/v1/batch/{batch}", desk.key).json()
    export = desk.api.get(f"/api/v1/batch/{batch}/calls/export?format=ndjson", desk.key).body
    ended = desk()
    assert (ended.status, ended.out) == (DONE, f"{batch}: 70 calls\n"), ended
    assert desk.names() == [f"{batch}.ndjson"]
    archived, calls = read_archive((desk.folder / f"{batch}.ndjson").read_bytes())
    assert archived == told
    assert calls == [json.loads(line) for line in export.splitlines()]
    assert len(calls) == 70


def test_what_is_archived_already_is_passed_over_and_what_runs_is_left(desk: Desk) -> None:
    first = desk.ended()
    running = desk.api.create(desk.key, numbers(2))
    assert desk("--json").json() == {"batchId": first, "calls": 3}
    before = (desk.folder / f"{first}.ndjson").stat().st_mtime_ns
    second = desk.ended()
    ended = desk()
    assert (ended.status, ended.out) == (DONE, f"{second}: 3 calls\n"), ended
    assert "archived 1 batches, 1 were there already, 0 failed" in ended.err
    assert (desk.folder / f"{first}.ndjson").stat().st_mtime_ns == before
    assert f"{running}.ndjson" not in desk.names()


def test_batches_that_share_the_instant_of_their_creation_are_all_archived(desk: Desk) -> None:
    batches = [desk.ended(1) for _ in range(7)]
    index = f"carillon:{{c0}}:tenant:{desk.tenant}:batches"
    at = desk.api.client.zscore(index, batches[0])
    for batch in batches:
        desk.api.client.zadd(index, {batch: at})
        desk.api.client.hset(f"carillon:{{c0}}:batch:{batch}", "created_ms", int(at))
    assert desk().status == DONE
    assert desk.names() == sorted(f"{batch}.ndjson" for batch in batches)


def test_only_what_ended_in_time_is_archived(desk: Desk) -> None:
    old, new = desk.ended(), desk.ended()
    desk.api.client.hset(f"carillon:{{c0}}:batch:{old}", "completed_ms", 1_700_000_000_000)
    assert desk("--ended-before", "2023-11-14T23:13:20.001+01:00").out == f"{old}: 3 calls\n"
    assert desk("--ended-before", "2023-11-14T23:13:20.000+01:00", "--batch", new).status == FAILED
    assert desk.names() == [f"{old}.ndjson"]


def test_a_named_batch_alone_is_archived_and_one_that_runs_is_refused(desk: Desk) -> None:
    one, other = desk.ended(), desk.ended()
    running = desk.api.create(desk.key, numbers(1))
    assert desk("--batch", one).out == f"{one}: 3 calls\n"
    ended = desk("--batch", running, "--batch", other)
    assert (ended.status, ended.out) == (FAILED, f"{other}: 3 calls\n"), ended
    assert f"{running} has not ended" in ended.err


def test_what_is_archived_and_removed_is_nowhere_but_in_the_archive(desk: Desk) -> None:
    there, batch = desk.ended(), desk.ended()
    assert desk("--batch", there).status == DONE
    assert desk("--remove").status == DONE
    assert not desk.is_kept(there) and not desk.is_kept(batch)
    assert desk.names() == sorted([f"{there}.ndjson", f"{batch}.ndjson"])


def test_nothing_is_removed_that_could_not_be_written(desk: Desk) -> None:
    batch = desk.ended()
    (desk.folder / f".{batch}.ndjson.part").mkdir()
    ended = desk("--remove")
    assert ended.status == FAILED and "cannot be written" in ended.err, ended
    assert desk.is_kept(batch)


def test_half_a_file_of_a_run_that_died_is_written_anew(desk: Desk) -> None:
    batch = desk.ended()
    (desk.folder / f".{batch}.ndjson.part").write_text('{"batch":', encoding="utf-8")
    assert desk().status == DONE
    assert desk.names() == [f"{batch}.ndjson"]
    read_archive((desk.folder / f"{batch}.ndjson").read_bytes())


@pytest.mark.parametrize("cut", [0, 1, 40, 1_000_000])
def test_nothing_is_removed_whose_archive_is_there_and_not_whole(desk: Desk, cut: int) -> None:
    """A copy that was cut short, a file of somebody else: the batch is then all that there is."""
    batch = desk.ended()
    assert desk().status == DONE
    path = desk.folder / f"{batch}.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    ended = desk("--remove")
    if cut == 0:
        assert ended.status == DONE and not desk.is_kept(batch)
        return
    assert ended.status == FAILED and f"{batch}: {path} is there and is not whole" in ended.err, ended
    assert desk.is_kept(batch) and path.stat().st_size < len(whole)


def test_what_another_run_is_writing_is_left_to_that_one(desk: Desk) -> None:
    """By a timer that comes again too soon: two in one file would both call it whole."""
    batch = desk.ended()
    part = desk.folder / f".{batch}.ndjson.part"
    with part.open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        writing.write(b"half")
        writing.flush()
        ended = desk("--remove")
        assert ended.status == FAILED and f"{batch}: another carillon archive is writing it" in ended.err, ended
        assert desk.is_kept(batch) and part.read_bytes() == b"half"
    assert desk("--remove").status == DONE and desk.names() == [f"{batch}.ndjson"]


# ---- S3 ----


def test_archives_go_to_storage_that_speaks_s3_and_are_found_there_again(desk: Desk, storage: S3) -> None:
    batch = desk.ended(70)
    ended = desk.to_s3(storage)
    assert (ended.status, ended.out) == (DONE, f"{batch}: 70 calls\n"), (ended, storage.refused)
    assert list(storage.objects) == [f"/calls/2027/acme/{batch}.ndjson"]
    archived, calls = read_archive(storage.objects[f"/calls/2027/acme/{batch}.ndjson"])
    assert (archived["batchId"], len(calls)) == (batch, 70)
    ended = desk.to_s3(storage, "--remove")
    assert (ended.status, ended.out) == (DONE, ""), ended
    assert not desk.is_kept(batch)


def test_nothing_is_removed_that_the_storage_did_not_take_and_no_secret_is_told(desk: Desk, storage: S3) -> None:
    batch = desk.ended()
    storage.fails_with = 503
    ended = desk.to_s3(storage, "--remove")
    assert ended.status == FAILED and "SlowDown" in ended.err, ended
    desk.credentials.write_text(f"{KEY_ID}:another secret\n", encoding="utf-8")
    ended = desk.to_s3(storage, "--remove")
    assert ended.status == FAILED and "403" in ended.err, ended
    assert "secret" not in ended.err and storage.objects == {}
    assert desk.is_kept(batch)


@pytest.mark.parametrize(
    "target", ["s3://", "s3://ab", "s3://Bucket", "s3://calls/", "s3://calls//x", "s3://calls/../x", "s3://calls/a?b", "/nowhere/at all"]
)
def test_a_target_that_is_none_is_refused_before_anything_is_asked(desk: Desk, storage: S3, target: str) -> None:
    ended = desk.to_s3(storage, target=target)
    assert (ended.status, ended.out) == (USAGE, ""), ended


def test_credentials_are_one_line_of_a_file(desk: Desk, storage: S3) -> None:
    for content in ("", "no colon\n", "a:b\nc:d\n"):
        desk.credentials.write_text(content, encoding="utf-8")
        assert desk.to_s3(storage).status == CONFIGURATION
    desk.credentials.unlink()
    assert desk.to_s3(storage).status == CONFIGURATION
    assert desk.cli("archive", "s3://calls").status == USAGE
