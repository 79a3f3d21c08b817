/* SPDX-License-Identifier: Apache-2.0
 *
 * Every bound in one place. A limit that a tenant can meet is named in docs/api.md with the answer it gives.
 * Limits that live inside Lua are passed to the scripts from here. Bytes are written in KiB (<< 10) and MiB (<< 20).
 */
#ifndef CARILLON_BASE_LIMITS_H
#define CARILLON_BASE_LIMITS_H

/* ---- identifiers (data-model.md) ---- */
#define LIMIT_ID_LEN 64 /* tenants, trunks, calls, workers: [A-Za-z0-9_-] */
#define LIMIT_BATCH_ID_LEN 48 /* leaves room for "-<ordinal>" inside a call id */
#define LIMIT_CELL_ID_LEN 8 /* [a-z0-9] */
#define LIMIT_CELLS 16 /* cells one process serves */
#define LIMIT_CALL_ID_LEN 64
#define LIMIT_TOKEN_LEN 128 /* batch.call.dial.mac */
#define LIMIT_PROVIDER_ID_LEN 128

/* ---- contacts and batches (contract.md) ---- */
#define LIMIT_INLINE_CONTACTS 100000
#define LIMIT_BODY_BYTES (32u << 20) /* POST /api/v1/batch */
#define LIMIT_SMALL_BODY_BYTES (64u << 10) /* every other request body */
#define LIMIT_ANSWER_BYTES (16u << 20) /* of an API answer */
#define LIMIT_EARLY_BODY_BYTES (512u << 10) /* of do-not-call numbers or agents, whose key is looked at first */
#define LIMIT_EXPORTS 16 /* that a producer has under way */
#define LIMIT_EXPORTS_TENANT 12 /* of one tenant's */
#define LIMIT_EXPORT_ROWS 128 /* read and written at a time */
#define LIMIT_LISTENERS 768 /* event streams of a producer; a connection each, of LIMIT_HTTP_CONNECTIONS */
#define LIMIT_LISTENER_BYTES (64u << 10) /* one that is so far behind is told the newest status only */
#define LIMIT_EXPORT_COLUMNS 64 /* of metadata, in a CSV file */
#define LIMIT_API_KEY_LEN 256
#define LIMIT_KEY_GUESSES 500 /* keys that open nothing, of which a producer asks Redis in a second */
#define LIMIT_KEYS_PER_OWNER 1000 /* API keys of one tenant, and of the operators */
#define LIMIT_KEY_LABEL_BYTES 64
#define LIMIT_KEY_LIFE_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)
#define LIMIT_KEY_OVERLAP_MS (INT64_C(30) * 24 * 3600 * 1000) /* for which a replaced key holds on */
#define LIMIT_IDEMPOTENCY_KEY_LEN 255
#define LIMIT_IDEMPOTENCY_KEYS 250000 /* remembered of one tenant, or of all operators: some 330 MB, at most 820 MB */
#define LIMIT_IDEMPOTENCY_WARNED_BYTES (2u << 10) /* of a kept answer with warnings; a longer one loses them */
#define LIMIT_IDEMPOTENCY_ANSWER_BYTES (64u << 10) /* of any other */
#define LIMIT_LIST 1000 /* rows of one answer */
#define LIMIT_RETRY_STEPS 60 /* of time, in which a batch's retries are told */
#define LIMIT_LIST_SCAN 10000 /* rows that a filter looks at for one answer */
#define LIMIT_TENANT_REQUEST_RATE 100000 /* requests a second that a tenant can be allowed */
#define LIMIT_TENANT_REQUESTS 512 /* of one tenant under way in one producer: half of its connections */
#define LIMIT_QUOTA INT64_C(1000000000000) /* that a quota of batches, contacts or bytes can be */
#define LIMIT_TENANTS_SEEN 4096 /* whose use of its quotas a producer remembers */
#define LIMIT_INGEST_BYTES_IN_FLIGHT (128u << 20) /* of all creations, chunks and such bodies under way */
#define LIMIT_INGEST_BYTES_TENANT (64u << 20) /* of one tenant's */
#define LIMIT_CHUNK_BYTES (1u << 30) /* POST /api/v1/batch/{id}/contacts, where it is written as it comes */
#define LIMIT_CHUNK_ROOM_BYTES (2u << 20) /* what such a chunk holds at a time */
#define LIMIT_CHUNK 1000000 /* the highest number of a chunk */
#define LIMIT_CHUNK_PROGRESS_BYTES (512u << 10) /* of it in each upload-timeout-ms, at least */
#define LIMIT_CHUNK_ANSWER_BYTES (16u << 10)
#define LIMIT_DRAFT_LIFE_MS (INT64_C(24) * 3600 * 1000) /* of a draft that nobody fills or starts */
#define LIMIT_APPEND_LEASE_MS 60000 /* for which whoever appends keeps a batch from ending, unless renewed */
#define LIMIT_ROW_FAULTS 16 /* told of one row */
#define LIMIT_ROW_VALUE_BYTES 200 /* of a rejected value that is kept */
#define LIMIT_CONTACT_JSON_BYTES (16u << 10) /* one element of contacts[] */
#define LIMIT_METADATA_BYTES 4096u
#define LIMIT_METADATA_DEPTH 20 /* platforms give it back inside of objects of their own, which must be readable */
#define LIMIT_CONTACT_ID_LEN 128
#define LIMIT_AGENT_ID_LEN 128
#define LIMIT_AGENTS 10000 /* that are listed for a tenant */
#define LIMIT_AGENTS_CHANGED 500 /* in one request, which is one script */
#define LIMIT_AGENTS_BODY_BYTES LIMIT_EARLY_BODY_BYTES
#define LIMIT_NAME_LEN 200
#define LIMIT_EMAIL_LEN 254
#define LIMIT_COMPANY_LEN 200
#define LIMIT_TIMEZONE_LEN 64
#define LIMIT_TAGS 32
#define LIMIT_TAG_LEN 64
#define LIMIT_CALLER_IDS 64
#define LIMIT_URL_LEN 2048
#define LIMIT_FAULTS 1000 /* faults listed in one answer; the rest are counted */
#define LIMIT_WARNINGS 1000
#define LIMIT_SUPPRESSIONS_CHANGED 10000 /* do-not-call numbers in one request */
#define LIMIT_SUPPRESSIONS_PART 500 /* of them in one script, so that it stays under 5 ms */
#define LIMIT_SUPPRESSIONS_BODY_BYTES LIMIT_EARLY_BODY_BYTES
#define LIMIT_SUPPRESSIONS_TENANT INT64_C(1000000) /* numbers on a tenant's list: about 60 MB of Redis's memory */
#define LIMIT_SUPPRESSIONS_GLOBAL INT64_C(10000000) /* on everybody's */
#define LIMIT_OPTIONS_JSON_BYTES (64u << 10)
#define LIMIT_PHONE_DIGITS 15
#define LIMIT_SCHEDULE_AHEAD_MS                                                                                        \
    (INT64_C(10) * 366 * 24 * 3600 * 1000) /* how far off a start may lie: about ten years */

#define LIMIT_BATCH_LIFE_MS                                                                                            \
    (INT64_C(30) * 24 * 3600 * 1000) /* from a batch's start to its expiry, where it names none itself */
#define LIMIT_DIAL_LIFE_MS (INT64_C(3600) * 1000) /* a single call that has not begun by then expires */
#define LIMIT_CLOSED_DATES 366 /* of one calling window */

/* ---- calling windows: how much of one is looked at and published at a time ---- */
#define LIMIT_WINDOW_HOURS 16 /* stretches of open time in a batch's hash; half of them used up, more are published */
#define LIMIT_WINDOW_SEARCH_MS (INT64_C(400) * 24 * 3600 * 1000)

/* ---- JSON ---- */
#define LIMIT_JSON_DEPTH 32
#define LIMIT_JSON_KEYS 1024 /* members of one object, so that duplicate detection stays cheap */
#define LIMIT_JSON_KEY_BYTES 1024
#define LIMIT_JSON_VALUES (512u << 10) /* of a text that is read whole: a tree takes 80 bytes for each */
#define LIMIT_JSON_NUMBER_LEN 63 /* cJSON reads no longer one */

/* ---- state in Redis ---- */
#define LIMIT_INGEST_PART 256 /* contacts, or lines about rejected ones, in one batch_ingest: it stays under 5 ms */
#define LIMIT_INGEST_PART_BYTES (128u << 10) /* of them, but for the last */
#define LIMIT_BUCKET 64 /* contacts in one bucket hash */
#define LIMIT_RECORD_INLINE_BYTES 512 /* a longer contact record keeps its metadata in :extra */
#define LIMIT_KNOWN_NUMBERS (1u << 20) /* of one batch that its producer knows, in place of Redis's index */
#define LIMIT_KNOWN_IN_ALL (4u << 20) /* of all batches: 64 MiB at most */
#define LIMIT_COLUMNS 128 /* names of metadata that a batch keeps once for all of its contacts */
#define LIMIT_COLUMNS_BYTES 4096 /* of them in all */
/* So much at once, a script stays under 5 ms in 99.9% of its runs, in a cell with ten million calls queued in ten
 * thousand batches (make bench-scale): whoever else wants something of Redis waits no longer. Calls of one batch share
 * what it costs to load and write it. */
#define LIMIT_CLAIM_CALLS 64
#define LIMIT_CLAIM_STEPS 150 /* a batch that is read is three of them, its first slot seven */
#define LIMIT_SCRIPT_CALLS 64 /* calls that one begin, accept, finish or the like takes */
#define LIMIT_SCRIPT_WORK 64 /* what a worker gives it at once: each call is 1, and each batch of theirs */
#define LIMIT_BATCH_WORK 3
#define LIMIT_BEGIN_WORK 76 /* a begin */
#define LIMIT_ACCEPT_WORK 128 /* an accept */
#define LIMIT_FINISH_WORK 60 /* a finish */
#define LIMIT_TICK_ITEMS 12 /* items one worker_tick settles */
#define LIMIT_CHECKS 32 /* due checks leased at a time */
#define LIMIT_ATTEMPT_LOG 32 /* dials kept in a call's attempt log */
#define LIMIT_SUMMARY_BYTES (16u << 10)
#define LIMIT_REASON_BYTES 200
/* What a number in Redis may be for it to make sense: sums and products of them stay far from the edge of int64_t. */
#define LIMIT_INSTANT_MS INT64_C(253402300799999) /* the end of the year 9999 */
#define LIMIT_COUNT INT64_C(1000000000000) /* of contacts, calls, attempts */

/* ---- Redis connection ---- */
#define LIMIT_REDIS_PENDING 4096 /* commands waiting for a reply on one connection */
#define LIMIT_REDIS_OUT_BYTES (64u << 20)
#define LIMIT_REDIS_REPLY_BYTES (64u << 20)
#define LIMIT_REDIS_ARGS 8192
#define LIMIT_REDIS_CHANNELS 32 /* of one listener */
#define LIMIT_REDIS_SENTINELS 8 /* of one URL */
#define LIMIT_SENTINEL_MS 1000 /* to connect to a Sentinel, again for its answer, and to connect to its primary */

/* ---- HTTP ---- */
#define LIMIT_HTTP_CONNECTIONS 1024
#define LIMIT_HTTP_HEADER_BYTES (16u << 10)
#define LIMIT_HTTP_TARGET_BYTES (8u << 10) /* path and query; RFC 9110 section 4.1 wants 8000 at least */
#define LIMIT_HTTP_IDLE_S 30 /* a connection that sends nothing */
#define LIMIT_HTTP_REQUEST_MS 30000 /* from first byte to complete request, small bodies */
#define LIMIT_HTTP_BODY_MS 120000 /* the same for a batch body */
#define LIMIT_HTTP_HEADWAY_MS 10000 /* in this time of a server's end, at least */
#define LIMIT_HTTP_HEADWAY_BYTES (4u << 10) /* so much of a body must come for the end to wait for it */
#define LIMIT_HTTP_STREAM_BYTES (16u << 20) /* of an answer in pieces that its client has not taken */
#define LIMIT_HTTP_DROPPED_BYTES (64u << 20) /* of a body that is read only to be thrown away */
/* A call object brings its transcript word by word, several times over: about 50 bytes a word each. */
#define LIMIT_HTTP_CLIENT_BODY_BYTES (4u << 20) /* of a provider's answer */
#define LIMIT_HTTP_CLIENT_BYTES_FREE (64u << 10) /* of each answer, kept in any case, */
#define LIMIT_HTTP_CLIENT_BYTES_HELD (64u << 20) /* and beyond that of all that a client has under way */
#define LIMIT_HTTP_CLIENT_HEADER_BYTES (16u << 10)
#define LIMIT_CALLBACK_BODY_BYTES (4u << 20)
#define LIMIT_CALLBACK_BYTES_FREE (64u << 10) /* of each body, kept in any case, */
#define LIMIT_CALLBACK_BYTES_HELD (32u << 20) /* and what a worker keeps beyond that, of all that arrive */
#define LIMIT_CALLBACK_ASKS 256 /* calls that a worker asks for at a time, for callbacks that nobody signed */

/* ---- pacing (milliseconds; data-model.md) ---- */
#define LIMIT_HORIZON_MS 200 /* how far ahead a claim hands out slots */
#define LIMIT_SLOT_LATE_MS 250 /* a call later than this for its slot is released, not dialed */
#define LIMIT_CLAIM_LEASE_MS 2000 /* after the slot */
#define LIMIT_WAIT_REPLICAS 16 /* of Redis that can be made to have a begin before its call is placed, */
#define LIMIT_WAIT_MS 200 /* and how long at most they have: less than a request may leave late */
#define LIMIT_POST_DEADLINE_MS 30000 /* the create request, connect included */

/* ---- a Redis that is another than before, or whose clock jumped (docs/failure-model.md) ---- */
#define LIMIT_CELL_CLOSED_MS 14000 /* nothing begins for so long, while workers re-assert what they hold */
#define LIMIT_CLOCK_STEP_MS 5000 /* Redis's clock, forward against ours: more than this closes the cell */
#define LIMIT_RECENT_DIALS 4096 /* begun by one worker in one cell that it can re-assert after they left its hands */
#define LIMIT_DOUBT_DIALS 3 /* numbers of one call that a lost tail may have used: each is looked up */
#define LIMIT_DOUBT_DIALS_LONG 16 /* the same of a tail longer than LIMIT_DOUBT_TAIL_MS */
#define LIMIT_DOUBT_EARLIER 8 /* tails lost before the last: EARLIER_MOST of common/lua/lib/epoch.lua */
#define LIMIT_DOUBT_TAIL_MS 10000 /* Redis was away for longer, or was put back from a backup */
#define LIMIT_DOUBT_LEASE_MS                                                                                           \
    (LIMIT_DOUBT_DIALS_LONG * LIMIT_PROVIDER_ASK_MS + 5000) /* of a claim in doubt, after its slot */

/* ---- a worker ---- */
#define LIMIT_DIALS_IN_HAND 2048 /* of one cell, from the claim's answer to the end */
#define LIMIT_LOOKUPS 256 /* of one cell under way */
#define LIMIT_TRUNK_LOOKUPS 160 /* of one of its trunks: a platform that hangs leaves room for the others */
#define LIMIT_PROVIDER_REQUESTS 2048 /* of all cells under way */
#define LIMIT_OUTBOX_ITEMS 8192 /* things of one kind that Redis has not heard yet */
#define LIMIT_SETTINGS_KEPT 4096 /* batches; beyond it settings that nobody uses are dropped, fresh or not */

/* ---- providers ---- */
#define LIMIT_METRIC_TRUNKS 32 /* that have metrics of their own in one worker */
#define LIMIT_PROFILE_BYTES (64u << 10)
#define LIMIT_PROFILES 16 /* that a worker carries with it */
#define LIMIT_TRUNK_VARIABLES 32
#define LIMIT_PROFILE_RULES 32 /* rules in one list of a profile */
#define LIMIT_LOOKUP_ITEMS 1000 /* calls in the answer to a lookup */
#define LIMIT_PROVIDER_REQUEST_BYTES (64u << 10) /* the body of a request to a platform */
#define LIMIT_PROVIDER_START_BYTES (256u << 10) /* of the answer to a create request */
#define LIMIT_PROVIDER_ASK_MS 10000 /* a poll, lookup or cancel, connect included */
#define LIMIT_FORM_FIELDS 128 /* of a callback */
#define LIMIT_PLACED 128 /* dials to one number that a lookup by number is held against; Redis keeps 64 */

/* ---- webhooks ---- */
#define LIMIT_RESOLVER_NAMES 20000 /* known or asked for in one process */
#define LIMIT_RESOLVER_QUERIES 8192 /* that wait for a name */
#define LIMIT_WEBHOOK_TIMEOUT_LEAST_MS 1000 /* what an operator may set; 15000 by default */
#define LIMIT_WEBHOOK_TIMEOUT_MOST_MS 30000
#define LIMIT_WEBHOOK_CONNECT_MS 5000
#define LIMIT_WEBHOOK_ANSWER_BYTES 65536
#define LIMIT_WEBHOOK_IN_FLIGHT 2048 /* of one notifier */
#define LIMIT_WEBHOOK_SLOW_IN_FLIGHT (LIMIT_WEBHOOK_IN_FLIGHT / 4) /* of these to failing and slow endpoints */
#define LIMIT_WEBHOOK_TENANT_IN_FLIGHT 64
#define LIMIT_WEBHOOK_HOST_IN_FLIGHT 128 /* one host may have endpoints of many tenants */
#define LIMIT_WEBHOOK_BODY_BYTES 65536 /* a larger one is rendered with its summary cut */
#define LIMIT_EVENT_SHARDS 16
#define LIMIT_EVENTS_READ 64 /* events expanded at a time */
#define LIMIT_HOOK_CLAIM 64 /* deliveries claimed, finished or reaped at a time */
#define LIMIT_HOOK_TRIM 10000 /* entries one tick trims from a shard's stream */
#define LIMIT_HOOK_SCAN 32 /* endpoints of a shard's ring looked at in one claim */
#define LIMIT_ENDPOINT_PENDING 100000 /* beyond it the oldest event of a call goes to the dead ones */
#define LIMIT_ENDPOINT_BYTES (64u << 20) /* of the bodies that wait for one endpoint; the same */
#define LIMIT_ENDPOINT_DEAD 10000 /* dead deliveries listed for one endpoint */
#define LIMIT_ENDPOINT_LOG 1000 /* attempts kept in one endpoint's log */
#define LIMIT_DELIVERED_KEEP_MS 3600000 /* the record of a delivered event: it is not delivered again */
#define LIMIT_DEAD_KEEP_MS 604800000 /* a dead delivery's record */
#define LIMIT_ENDPOINTS_PER_TENANT 20
#define LIMIT_DELIVERIES_LISTED 100 /* on one page */
#define LIMIT_DELIVERIES_LOOKED_AT 2000 /* for one page */
#define LIMIT_DELIVERIES_RECOVERED 500 /* dead ones asked for again in one request */
#define LIMIT_SECRETS_ACTIVE 3 /* that sign at once */
#define LIMIT_SECRET_GRACE_MS 86400000 /* how long an old secret signs after a rotation, unless asked otherwise */
#define LIMIT_SECRET_GRACE_MAX_MS 604800000

/* ---- carillon top: what one look at a cell reads at most ---- */
#define LIMIT_TOP_TRUNKS 32
#define LIMIT_TOP_TENANTS 48
#define LIMIT_TOP_FLOWS 128 /* tenants on trunks, whose batches are looked at */
#define LIMIT_TOP_BATCHES 48
#define LIMIT_TOP_PAUSED 16 /* paused batches that have rows of their own where others fill all of those */
/* Among how many batches paused ones are looked for: the next to expire, both those that expire before long and those
 * that do not; the newest of a tenant that has more; and how many of such a tenant that wait for credit. */
#define LIMIT_TOP_EXPIRING 256
#define LIMIT_TOP_NEWEST 8
#define LIMIT_TOP_UNFUNDED 8
#define LIMIT_TOP_WORKERS 64
#define LIMIT_TOP_SAMPLE 64 /* members of a set in which trunks, tenants and batches are looked for */
#define LIMIT_TOP_BEGINS 4096 /* of a log of begins; more in a second are not counted */
#define LIMIT_TOP_WHYS 16 /* batches of which it is asked what holds them */

/* ---- options ---- */
#define LIMIT_CONF_FILE_BYTES (256u << 10)
#define LIMIT_CONF_VALUES 1024 /* of one repeatable option */

/* ---- loop ---- */
#define LIMIT_LOOP_DEFERRED 65536 /* pieces of work put off to the end of a turn */

/* ---- logs ---- */
#define LIMIT_LOG_LINE_BYTES 4096

#endif
