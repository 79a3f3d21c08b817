# SPDX-License-Identifier: Apache-2.0
"""Files of contacts: the page reads them as the producer does, and large ones go in as a whole."""

from __future__ import annotations

import base64
import json
import pathlib
import urllib.request
from typing import Any

from tests.support.browser import Browser
from tests.support.stack import Stack
from tests.support.waiting import wait_until

HEADER = b"phoneNumber,name\n"
# Rows behind the header, good and bad ones.
TEXTS = (
    b"+15557000001,Ada\n+15557000002,Grace\n",
    b"+15557000001,Ada\r\n\r\n+15557000002,Grace\r\n",
    b"+15557000001,Ada\r+15557000002,Grace\r",
    b"+15557000001,Ada\n\n\n+15557000002,Grace",
    b'+15557000001,"Lovelace, Ada"\n+15557000002,"two\nlines"\n+15557000003,x\n',
    b'+15557000001,"two\r\nlines"\r\n+15557000002,"a ""quoted"" one"\r\n',
    b'+15557000001,in "the" middle\n',
    b'+15557000001,"text" behind\n+15557000002,Grace\n',
    b'+15557000001,"a"b",c\n+15557000002,Grace\n',
    b'+15557000001,"never closed\n+15557000002,Grace\n',
    b"+15557000001\n+15557000002,a,b\n+15557000003,Ada\n",
    b"+15557000001,\n+15557000002,",
    b",\n",
    b"+15557000001,\xff\xfe\n+15557000002,\xc3\xa9\n",
    b"+15557000001,\x00\n+15557000002,Grace\n",
    b"+15557000001," + b"x" * 16385 + b"\n+15557000002,Grace\n",
    b"+15557000001," + b"x" * 16384 + b"\n",
    b'+15557000001,"' + b"y\n" * 9000 + b'"\n+15557000002,Grace\n',
    b"+15557000001" + b",x" * 300 + b"\n+15557000002,Grace\n",
    b"+15557000001,Ada\n+15557000001,Twice\n",
    b"555,Short\n +1 (555) 700-0009 , spaces \n",
    b'"+15557000001","Ada"\n"+15557000002" ,Grace\n',
)
CSV_CODES = {
    *("WRONG_FIELD_COUNT", "MISPLACED_QUOTE", "OPEN_QUOTE", "NUL_BYTE", "INVALID_UTF8", "FIELD_TOO_LONG", "ROW_TOO_LONG"),
    "TOO_MANY_FIELDS",
}
READ = """
const [text, done] = arguments;
(async () => {
  const {CsvReader} = await import('/dashboard/csv.js');
  const {columnsOf, contactOf} = await import('/dashboard/contact_columns.js');
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const seen = [];
  for (const step of [bytes.length, 1, 7]) {
    const found = {contacts: [], faults: []};
    let columns = null;
    const reader = new CsvReader({
      onHeader: (fields) => { columns = columnsOf(fields); },
      onRow: (fields, row) => found.contacts.push([row, contactOf(columns, fields)]),
      onFault: ({row, code}) => found.faults.push([row, code]),
    });
    for (let at = 0; at < bytes.length; at += step) reader.feed(bytes.subarray(at, at + step));
    reader.finish();
    seen.push(found);
  }
  done(seen);
})().catch((error) => done(String(error)));
"""


def sent(stack: Stack, batch: str, chunk: int, body: bytes) -> dict[str, Any]:
    key = stack.api_key_file.read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    url = f"{stack.api_url}/api/v1/batch/{batch}/contacts?chunk={chunk}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST", data=body, headers=headers), timeout=60) as answer:
        return json.loads(answer.read())


def draft(stack: Stack) -> str:
    return stack.api("POST", "/api/v1/batch?draft=true", {"agentId": "agent_123"})["batchId"]


def test_the_page_sees_the_rows_that_the_producer_sees(browser: Browser, stack: Stack, tenant_key: str) -> None:
    browser.sign_in(stack.api_url, tenant_key)
    for mark in (b"", b"\xef\xbb\xbf"):
        for text in TEXTS:
            body = mark + HEADER + text
            batch = draft(stack)
            taken = sent(stack, batch, 1, body)
            told = stack.api("GET", f"/api/v1/batch/{batch}/errors")["errors"]
            whole, *pieces = browser.later(READ, base64.b64encode(body).decode())
            assert pieces == [whole, whole], (body, "however its bytes are cut")
            faults = sorted([fault["row"], fault["code"]] for fault in told if fault["code"] in CSV_CODES)
            assert sorted(whole["faults"]) == faults, body[:80]
            refused = {fault["row"] for fault in told if fault["code"] not in CSV_CODES}
            rows = {row for row, _ in whole["contacts"]}
            assert refused <= rows and len(rows - refused) == taken["accepted"], body[:80]


def test_a_large_file_goes_in_as_a_whole_in_chunks(
    browser: Browser, stack: Stack, tenant_key: str, tmp_path: pathlib.Path
) -> None:
    count, twice = 140_000, 5
    rows = [f"+{15570000000 + i},Contact {i},{'x' * 30}" for i in range(count)]
    path = tmp_path / "large.csv"
    path.write_text("\n".join(["phoneNumber,name,note", *rows, *rows[:twice]]) + "\n", encoding="utf-8")
    assert path.stat().st_size > 4 << 20, "it takes more than one chunk"

    browser.sign_in(stack.api_url, tenant_key)
    browser.go("/batches/new")
    browser.field("Agent").send_keys("agent_123")
    browser.driver.find_element("id", "contacts-file").send_keys(str(path))
    browser.wait_for_text("The first rows")
    browser.press("Check it")
    browser.wait_for_text(f"Start calling {count:,} contacts", deadline_s=180.0)
    assert f"{twice} rows would be left out" in browser.text(".checked")
    browser.press("Keep as a draft")
    wait_until(lambda: browser.path.startswith("/dashboard/batches/batch_"), 180.0, "it is in", poll_s=0.2)
    status = stack.status(browser.path.split("/")[3])
    assert (status["status"], status["statistics"]["total"], status["duplicates"]) == ("draft", count, twice)
    stack.api("POST", f"/api/v1/batch/{status['batchId']}/cancel")
