# SPDX-License-Identifier: Apache-2.0
"""The pages and the sources know the same things, and the checker of that (tests/lint/both_sides.py) names what only one of
them knows: each kind of thing is taken away, or put in, on each side."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from tests.lint import scripts_doc
from tests.lint.both_sides import CHECKS
from tests.lint.sides.tree import ROOT, Tree, listed

OPTION = '    {.name = "spare-ms", .kind = CONF_I64, .help = "nothing"},\n'
COMMON = "static const struct conf_option common_options[DAEMON_COMMON_OPTIONS] = {\n"
ROUTE = '{.method = "GET", .pattern = "/spare", .handler = NULL},\n'


def test_pages_and_sources_know_the_same() -> None:
    assert [fault for check in CHECKS.values() for fault in check(Tree())] == []


def test_the_page_of_scripts_is_what_their_contracts_say() -> None:
    assert scripts_doc.PAGE.read_text(encoding="utf-8") == scripts_doc.page(), "run `make docs`"


# What only one side knows: who sees it, in which file what is replaced by what, and what is said. A file without an old text
# gets the new one at its end.
ONE_SIDED: dict[str, tuple[str, str, str, str, str]] = {
    "an option that no page has": (
        "options", "common/daemon/daemon_options.c", COMMON, COMMON + OPTION,
        "the option --spare-ms is there, and docs/config.md does not tell of it",
    ),
    "an option that no program has": (
        "options", "docs/config.md", "", "| `--spare-ms` | `CARILLON" "_SPARE_MS` | `spare_ms` | | |\n",
        "docs/config.md tells of the option --spare-ms, which is not there",
    ),
    "an option that a page makes up": (
        "flags", "docs/operations.md", "", "\nSay `carillon submit --spare`.\n",
        "docs/operations.md: there is no option --spare in `carillon submit --spare`",
    ),
    "an option of another verb": (
        "flags", "README.md", "", "\n```sh\ncarillon pause B \\\n  --contacts f.csv\n```\n",
        "README.md: there is no option --contacts",
    ),
    "an option of another program": (
        "flags", "docs/operations.md", "", "\n`carillon-notifier --public-url URL`\n",
        "there is no option --public-url",
    ),
    "an option behind a timeout": (
        "flags", "README.md", "", "\n`timeout --foreground 10 carillon watch B --spare`\n",
        "there is no option --spare",
    ),
    "an option of no program": (
        "flags", "docs/operations.md", "", "\n`--spare`\n",
        "there is no option --spare",
    ),
    "a verb that no page has": (
        "verbs", "producer/cli/cmd_why.c", "", '\n.words = "muse",\n',
        "the verb muse is there, and docs/config.md does not tell of it",
    ),
    "a verb that is not there": (
        "verbs", "docs/config.md", "", "| `muse` | | | think |\n",
        "docs/config.md tells of the verb muse, which is not there",
    ),
    "a verb that a page makes up": (
        "verbs", "docs/operations.md", "", "\n`carillon muse BATCH`\n",
        "docs/operations.md: there is no such verb: carillon muse",
    ),
    "a verb of a group that has it not": (
        "verbs", "docs/operations.md", "", "\n`carillon trunk muse`\n",
        "there is no such verb: carillon trunk muse",
    ),
    "a variable that nobody reads": (
        "environment", "README.md", "", "\n`CARILLON" "_SPARE=1`\n",
        "a page names the variable CARILLON" "_SPARE, which nobody reads",
    ),
    "a variable that no page has": (
        "environment", "producer/main.c", "", '\ngetenv("CARILLON' '_SPARE")\n',
        "the variable CARILLON" "_SPARE is read, and no page names it",
    ),
    "a line of no option": (
        "deployed", "deploy/config/carillon.conf", "", "\nspare_ms = 5\n",
        "deploy/config/carillon.conf: there is no option spare_ms",
    ),
    "a variable of no option": (
        "deployed", "deploy/systemd/carillon-producer.service", "", "\nEnvironment=CARILLON" "_SPARE_MS=5\n",
        "deploy/systemd/carillon-producer.service: CARILLON" "_SPARE_MS is no option's variable",
    ),
    "a variable of compose that is not told": (
        "compose", "docker-compose.yml", "", "  # ${MUSING_IMAGE:-muse}\n",
        "the variable MUSING_IMAGE is there, and the top of docker-compose.yml does not tell of it",
    ),
    "a variable of compose that is not there": (
        "compose", "docker-compose.yml", "# REDIS_MAXMEMORY ", "# MUSING_PLACE  where\n# REDIS_MAXMEMORY ",
        "the top of docker-compose.yml tells of the variable MUSING_PLACE, which is not there",
    ),
    "an exit code that no page has": (
        "exit_codes", "producer/cli/exit.h", "CLI_NO_REDIS = 4,", "CLI_NO_REDIS = 4, CLI_BORED = 5,",
        "the exit code 5 is there",
    ),
    "an exit code that is not there": (
        "exit_codes", "docs/config.md", "| 0 | done |", "| 0 | done |\n| 9 | bored |",
        "tells of the exit code 9, which is not there",
    ),
    "a route that no page has": (
        "routes", "common/daemon/daemon_http.c", "", f"\nstatic const struct http_route more[] = {{\n{ROUTE}}};\n",
        "/spare is served, and no page names it",
    ),
    "a route that is not there": (
        "routes", "README.md", "", "\n`GET /api/v1/spare`\n",
        "README.md: nothing serves /api/v1/spare",
    ),
    "a route of a command": (
        "routes", "docs/operations.md", "", "\n    curl http://127.0.0.1:8080/api/v1/batch/$BATCH/spare\n",
        "docs/operations.md: nothing serves /api/v1/batch/{x}/spare",
    ),
    "an error that the page lacks": (
        "errors", "docs/api.md", "| 409 | `BATCH_EMPTY` |", "| 409 | |",
        "the error code BATCH_EMPTY is there, and docs/api.md does not",
    ),
    "an error that is not there": (
        "errors", "docs/api.md", "| 409 | `BATCH_EMPTY` |", "| 409 | `BATCH_EMPTY`, `TEAPOT` |",
        "tells of the error code TEAPOT",
    ),
    "a reason that no page has": (
        "reasons", "common/domain/why.c", '    ROW("RUNNING"', '    ROW("MUSING"',
        "the reason MUSING is there",
    ),
    "a reason that is not there": (
        "reasons", "docs/api.md", "| `NO_WORKER` | cell |", "| `NO_WORKER`, `MUSING` | cell |",
        "tells of the reason MUSING",
    ),
    "a webhook code that no page has": (
        "webhook_codes", "notifier/verdict.c", 'hopeless("bad_url"', 'hopeless("odd_url"',
        "the webhook code odd_url is there",
    ),
    "a webhook reason that no page has": (
        "webhook_codes", "common/lua/hook_claim.lua", "'too_old'", "'too_dull'",
        "the webhook code too_dull is there",
    ),
    "a webhook code that is not there": (
        "webhook_codes", "docs/webhooks.md", "| `timeout` |", "| `timeout`, `boredom` |",
        "tells of the webhook code boredom",
    ),
    "a code that was renamed": (
        "capitals", "docs/failure-model.md", "", "\n`OUTCOME" "_OF_OLD`\n",
        "docs/failure-model.md: no source spells OUTCOME" "_OF_OLD",
    ),
    "an event that nothing logs": (
        "events", "docs/operations.md", "", "\n`cell.mused`\n",
        "docs/operations.md: nothing says the event cell.mused",
    ),
    "a metric that its page lacks": (
        "metrics_page", "docs/metrics.md", "| `carillon_dials_begun_total` |", "| |",
        "the metric carillon_dials_begun_total is there, and docs/metrics.md does not tell of it",
    ),
    "a metric of another kind": (
        "metrics_page", "docs/metrics.md", "| `carillon_dials_begun_total` | counter |", "| `carillon_dials_begun_total` | gauge |",
        "docs/metrics.md: carillon_dials_begun_total is a counter, not a gauge",
    ),
    "a label that the page lacks": (
        "metrics_page", "worker/main.c", "", '\nmetrics_counter(m, "carillon_dials_begun_total", "Dials begun", "mood", v);\n',
        "docs/metrics.md: carillon_dials_begun_total has the label mood",
    ),
    "a metric that is not there": (
        "metrics", "docs/operations.md", "", "\n`carillon_spare_total`\n",
        "docs/operations.md: there is no metric carillon_spare_total",
    ),
    "a metric that is not there, deployed": (
        "metrics", "deploy/prometheus/spare.yml", "", "expr: rate(carillon_spare_total[5m]) > 0\n",
        "deploy/prometheus/spare.yml: there is no metric carillon_spare_total",
    ),
    "an alert without a runbook": (
        "alerts", "deploy/prometheus/spare.yml", "", "groups:\n  - rules:\n      - alert: CarillonMuses\n",
        "the alert CarillonMuses is there, and docs/operations.md does not tell of it",
    ),
    "a runbook without an alert": (
        "alerts", "docs/operations.md", "\n## Alerts\n", "\n## Alerts\n\n### CarillonMuses\n",
        "docs/operations.md tells of the alert CarillonMuses, which is not there",
    ),
    "a key of a script": (
        "keys", "common/lua/call_begin.lua", "", "\nredis.call('GET', P .. 'spare:' .. trunk)\n",
        "the key spare:* is spelled by common/lua/call_begin.lua",
    ),
    "a key of a program": (
        "keys", "common/redis/keys.c", "", '\nmake("carillon:{%s}:spare", cell)\n',
        "the key spare is spelled by common/redis/keys.c",
    ),
    "a key that is not there": (
        "keys", "docs/redis-keys.md", "| `live` | zset |",
        "| `spare` | set | `<batch>` | | `batch_seal` | for ever |\n| `live` | zset |",
        "docs/redis-keys.md tells of the key carillon:{<cell>}:spare, which is not there",
    ),
    "a script that no page has": (
        "scripts", "common/lua/call_muse.lua", "", "-- KEYS[1]\n",
        "the script call_muse is there, and docs/scripts.md does not tell of it",
    ),
    "a script that is not there": (
        "scripts", "docs/scripts.md", "", "| `call_muse` | | | | |\n",
        "docs/scripts.md tells of the script call_muse, which is not there",
    ),
    "an error that a contract lacks": (
        "scripts", "common/lua/call_begin.lua", "", "\nfail('ERR_BORED dial')\n",
        "common/lua/call_begin.lua: raises ERR_BORED, which its contract does not tell of",
    ),
    "an error that nothing raises": (
        "scripts", "common/lua/call_begin.lua", "-- Errors   ERR_INVALID", "-- Errors   ERR_INVALID, ERR_BORED",
        "common/lua/call_begin.lua: its contract tells of ERR_BORED, which nothing raises",
    ),
    "who writes a key, and is not there": (
        "scripts", "docs/redis-keys.md", "| `call_claim` | a minute |", "| `call_muse` | a minute |",
        "there is no script call_muse",
    ),
    "a page that the index lacks": (
        "index", "docs/musings.md", "", "# Musings\n",
        "docs/README.md does not lead to docs/musings.md",
    ),
    "a directory that no page explains": (
        "directories", "tests/musing/muse.py", "", "pass\n",
        "docs/architecture.md does not say what tests/musing/ holds",
    ),
    "a threat without a test": (
        "threats", "docs/SECURITY.md", "\n**In the browser**\n", "| a muse | nothing | |\n\n**In the browser**\n",
        "docs/SECURITY.md: no test shows what stops 'a muse'",
    ),
    "a crash point that no page has": (
        "crash_points", "worker/dial.c", '= "begun"', '= "muted"',
        "the crash point dial.muted is there",
    ),
    "a crash point that is not there": (
        "crash_points", "docs/architecture.md", "| `settle.written` |", "| `settle.muted` |",
        "tells of the crash point settle.muted",
    ),
    "a target without help": (
        "targets", "Makefile", ".PHONY: sim\n", ".PHONY: sim muse\nmuse: programs\n",
        "the target muse is there, and make help does not tell of it",
    ),
    "help without a target": (
        "targets", "Makefile", "##   clean ", "##   muse             think\n##   clean ",
        "make help tells of the target muse, which is not there",
    ),
    "a target that a page makes up": (
        "targets", "docs/CONTRIBUTING.md", "", "\nRun `make muse`.\n",
        "docs/CONTRIBUTING.md: there is no target `make muse`",
    ),
}  # fmt: skip


def told(check: str, path: str, old: str, new: str) -> list[str]:
    text = Tree().text(path) if (ROOT / path).exists() else ""
    assert not old or old in text, f"{path} does not say {old} any more"
    return list(CHECKS[check](Tree({path: text.replace(old, new) if old else text + new})))


@pytest.mark.parametrize("name", ONE_SIDED)
def test_what_one_side_alone_knows_is_named(name: str) -> None:
    check, path, old, new, said = ONE_SIDED[name]
    faults = told(check, path, old, new)
    assert any(said in fault for fault in faults), faults


def test_no_check_is_without_something_that_it_sees() -> None:
    assert set(CHECKS) == {plant[0] for plant in ONE_SIDED.values()}


def test_a_difference_fails_the_command(tmp_path: pathlib.Path) -> None:
    """As `make docs-check` runs it, over a page of a copy that is spoilt."""
    tree = tmp_path / "tree"
    subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(tree)], check=True)
    subprocess.run(["git", "read-tree", "HEAD"], cwd=tree, check=True)
    for path in listed():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes((ROOT / path).read_bytes())
    command = ["/usr/bin/python3", "tests/lint/both_sides.py"]
    whole = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
    with (tree / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n`carillon muse`\n")
    spoilt = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
    assert (whole.returncode, whole.stdout.strip()) == (0, "")
    assert (spoilt.returncode, spoilt.stdout) == (1, "README.md: there is no such verb: carillon muse\n")
