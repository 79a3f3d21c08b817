/* SPDX-License-Identifier: Apache-2.0
 *
 * Exchanges with a platform over real sockets: what is sent, how often, and what comes of each way it can end.
 */
#include "tests/support/rig.h"

#include <stdio.h>
#include <time.h>

#include "common/http/client.h"
#include "tests/support/provider_fixture.h"
#include "worker/provider_http.h"

/* What the platform does with the next request. */
enum manner { ANSWERS, RESETS, IS_SILENT };

struct fixture {
    struct rig rig;
    struct listener platform;
    struct http_client *client;
    struct provider_http *http;
    struct provider_profile *profile;
    struct provider_trunk trunk;
    char base_url[64];

    enum manner manner;
    const char *status; /* "201 Created" */
    const char *header; /* "Retry-After: 7\r\n", or "" */
    const char *body;
    unsigned requests; /* that arrived completely */
    struct buf seen; /* the last one */

    unsigned answers; /* that came back to us */
    bool has_start;
    struct provider_start start;
    struct provider_answer answer;
    struct provider_result result; /* the answer's, without its texts */
    bool asks_again;
};

/* ---- the platform ---- */

static size_t request_length(const struct buf *in)
{
    const char *text = buf_str(in);
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return 0;
    size_t len = (size_t)(end + 4 - text);
    const char *length = strcasestr(text, "\r\nContent-Length: ");
    uint64_t body = 0;
    if (length != NULL && length < end) {
        length += strlen("\r\nContent-Length: ");
        assert_int_equal(parse_u64(length, strcspn(length, "\r"), PEER_MAX_BYTES, &body), 0);
    }
    return buf_len(in) >= len + body ? len + (size_t)body : 0;
}

static void on_input(struct peer *peer, void *arg)
{
    struct fixture *f = arg;
    size_t len = request_length(&peer->in);
    if (len == 0)
        return;
    f->requests++;
    buf_clear(&f->seen);
    assert_int_equal(buf_append(&f->seen, buf_str(&peer->in), len), 0);
    buf_consume(&peer->in, len);
    char head[256];
    switch (f->manner) {
    case ANSWERS:
        snprintf(
            head, sizeof head,
            "HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sConnection: keep-alive\r\nContent-Length: %zu\r\n\r\n",
            f->status, f->header, strlen(f->body));
        peer_send(peer, head);
        peer_send(peer, f->body);
        return;
    case RESETS:
        peer_reset(peer);
        return;
    case IS_SILENT:
        return;
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rig_open(&f->rig);
    listener_open(&f->platform, &f->rig, on_input, f);
    assert_int_equal(http_client_create(f->rig.loop, 16, &f->client), 0);
    assert_int_equal(provider_http_create(f->client, &f->http), 0);
    f->profile = fixture_retell();
    f->trunk = fixture_trunk();
    snprintf(f->base_url, sizeof f->base_url, "http://127.0.0.1:%u", f->platform.port);
    f->trunk.base_url = f->base_url;
    f->status = "200 OK";
    f->header = "";
    f->body = "{}";
    buf_init(&f->seen, PEER_MAX_BYTES);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    provider_http_free(f->http);
    http_client_free(f->client);
    listener_close(&f->platform);
    rig_close(&f->rig);
    provider_profile_free(f->profile);
    buf_free(&f->seen);
    free(f);
    return 0;
}

/* ---- what comes back ---- */

static void on_start(const struct provider_start *start, void *arg)
{
    struct fixture *f = arg;
    f->answers++;
    f->has_start = true;
    f->start = *start;
    assert_int_equal(provider_http_in_flight(f->http), 0);
}

static void on_answer(const struct provider_answer *answer, void *arg)
{
    struct fixture *f = arg;
    f->answers++;
    f->answer = *answer;
    f->result = answer->result;
    if (f->asks_again) {
        f->asks_again = false;
        assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_2", on_answer, f, NULL), 0);
    }
}

static bool is_answered(void *arg)
{
    const struct fixture *f = arg;
    return f->answers > 0;
}

static void wait_for_answer(struct fixture *f)
{
    assert_int_equal(f->answers, 0);
    assert_true(rig_wait(&f->rig, is_answered, f));
    f->answers = 0;
}

static void start(struct fixture *f)
{
    struct dial_request dial = fixture_dial();
    assert_int_equal(provider_http_start(f->http, f->profile, &f->trunk, &dial, 0, on_start, f, NULL), 0);
    assert_int_equal(provider_http_in_flight(f->http), 1);
    wait_for_answer(f);
}

static void set_answer(struct fixture *f, const char *status, const char *body)
{
    f->manner = ANSWERS;
    f->status = status;
    f->body = body;
}

static bool was_seen(const struct fixture *f, const char *text)
{
    return strstr(buf_str(&f->seen), text) != NULL;
}

/* ---- creates ---- */

static void test_a_create_is_accepted(void **state)
{
    struct fixture *f = *state;
    set_answer(f, "201 Created", "{\"call_id\":\"call_1\"}");
    start(f);
    assert_int_equal(f->start.verdict, VERDICT_ACCEPTED);
    assert_string_equal(f->start.provider_id, "call_1");
    assert_int_equal(f->start.http_status, 201);
    assert_true(f->start.total_us > 0);
    assert_true(was_seen(f, "POST /v2/create-phone-call HTTP/1.1\r\n"));
    assert_true(was_seen(f, "Authorization: Bearer key_3f9c1b2a7d\r\n"));
    assert_true(was_seen(f, "Content-Type: application/json\r\n"));
    assert_true(was_seen(f, "\"carillon_token\":\"" FIXTURE_TOKEN "\""));
}

static void test_a_throttled_create_says_when_to_come_back(void **state)
{
    struct fixture *f = *state;
    set_answer(f, "429 Too Many Requests", "{\"message\":\"slow down\"}");
    f->header = "Retry-After: 7\r\n";
    start(f);
    assert_int_equal(f->start.verdict, VERDICT_THROTTLED);
    assert_int_equal(f->start.retry_after_ms, 7000);
    assert_string_equal(f->start.reason, "slow down");
}

static void test_a_create_that_was_read_and_reset_is_unknown_and_sent_once(void **state)
{
    struct fixture *f = *state;
    /* The first answer invites the client to keep its connection: it must not. */
    set_answer(f, "201 Created", "{\"call_id\":\"call_1\"}");
    start(f);
    f->manner = RESETS;
    start(f);
    assert_int_equal(f->start.verdict, VERDICT_UNKNOWN);
    assert_int_equal(f->start.http_status, 0);
    assert_string_not_equal(f->start.reason, "");
    rig_linger_us(&f->rig, 200000);
    assert_int_equal(f->requests, 2);
    assert_int_equal(f->platform.n_peers, 2);
}

static void test_a_create_that_nobody_took_was_not_sent(void **state)
{
    struct fixture *f = *state;
    struct listener gone;
    listener_open(&gone, &f->rig, NULL, NULL);
    snprintf(f->base_url, sizeof f->base_url, "http://127.0.0.1:%u", gone.port);
    listener_close(&gone);
    start(f);
    assert_int_equal(f->start.verdict, VERDICT_NOT_SENT);
    assert_int_equal(f->requests, 0);
}

static void test_a_create_that_cannot_be_said_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    struct dial_request dial = fixture_dial();
    dial.contact_name = "\xff";
    assert_int_equal(provider_http_start(f->http, f->profile, &f->trunk, &dial, 0, on_start, f, NULL), ERR_INVALID);
    f->trunk.credential_len = 0;
    dial = fixture_dial();
    assert_int_equal(provider_http_start(f->http, f->profile, &f->trunk, &dial, 0, on_start, f, NULL), ERR_AUTH);
    assert_int_equal(provider_http_in_flight(f->http), 0);
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(f->answers, 0);
    assert_int_equal(f->requests, 0);
}

/* ---- questions ---- */

static void test_polls(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *status;
        const char *body;
        enum provider_found found;
        enum provider_kind kind;
    } rows[] = {
        {"200 OK", "{\"call_id\":\"call_1\",\"call_status\":\"ongoing\"}", PROVIDER_FOUND, PROVIDER_ONGOING},
        {"200 OK", "{\"call_id\":\"call_1\",\"call_status\":\"ended\",\"disconnection_reason\":\"dial_busy\"}",
         PROVIDER_FOUND, PROVIDER_ENDED},
        {"404 Not Found", "", PROVIDER_ABSENT, PROVIDER_NONE},
        {"422 Unprocessable", "{\"message\":\"Cannot find asset\"}", PROVIDER_ABSENT, PROVIDER_NONE},
        {"200 OK", "<html>", PROVIDER_FAILED, PROVIDER_NONE},
        {"401 Unauthorized", "{}", PROVIDER_FAILED, PROVIDER_NONE},
        {"429 Too Many Requests", "{}", PROVIDER_FAILED, PROVIDER_NONE},
        {"500 Oops", "{\"call_id\":\"call_1\",\"call_status\":\"ended\"}", PROVIDER_FAILED, PROVIDER_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_answer(f, rows[i].status, rows[i].body);
        assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_1", on_answer, f, NULL), 0);
        wait_for_answer(f);
        assert_int_equal(f->answer.found, rows[i].found);
        assert_int_equal(f->result.kind, rows[i].kind);
        assert_true((f->answer.reason[0] != '\0') == (rows[i].found == PROVIDER_FAILED));
        assert_true(was_seen(f, "GET /v2/get-call/call_1 HTTP/1.1\r\n"));
    }
}

static void test_a_poll_that_is_cut_off_failed(void **state)
{
    struct fixture *f = *state;
    f->manner = RESETS;
    assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_1", on_answer, f, NULL), 0);
    wait_for_answer(f);
    assert_int_equal(f->answer.found, PROVIDER_FAILED);
    assert_int_equal(f->answer.http_status, 0);
    assert_int_equal(f->answer.retry_after_ms, -1);
}

static void look_up(struct fixture *f, const char *body)
{
    char token[] = FIXTURE_TOKEN;
    char to[] = "+15551230042";
    char other[] = "call_0";
    const char *const others[] = {other};
    struct provider_lookup lookup = {.token = token, .to = to, .exclude_ids = others, .n_exclude_ids = 1};
    set_answer(f, "200 OK", body);
    assert_int_equal(provider_http_lookup(f->http, f->profile, &f->trunk, &lookup, on_answer, f, NULL), 0);
    /* What was asked is copied: the answer is compared with it later. */
    memset(token, 'x', sizeof token - 1);
    memset(to, 'x', sizeof to - 1);
    memset(other, 'x', sizeof other - 1);
    wait_for_answer(f);
    assert_true(was_seen(f, "POST /v3/list-calls HTTP/1.1\r\n"));
}

#define ITEM(id)                                                                                                       \
    "{\"call_id\":\"" id "\",\"call_status\":\"ongoing\",\"metadata\":{\"carillon_token\":\"" FIXTURE_TOKEN "\"}}"

static void test_lookups(void **state)
{
    struct fixture *f = *state;
    look_up(f, "{\"items\":[]}");
    assert_int_equal(f->answer.found, PROVIDER_ABSENT);
    assert_int_equal(f->answer.matches, 0);

    look_up(f, "{\"items\":[" ITEM("call_0") "," ITEM("call_1") "]}");
    assert_int_equal(f->answer.found, PROVIDER_FOUND);
    assert_int_equal(f->answer.matches, 1);
    assert_string_equal(f->result.provider_id, "call_1");

    look_up(f, "{\"items\":[" ITEM("call_1") "," ITEM("call_2") "]}");
    assert_int_equal(f->answer.found, PROVIDER_FOUND);
    assert_int_equal(f->answer.matches, 2);
    assert_string_equal(f->result.provider_id, "call_1");

    look_up(f, "{\"items\":[{\"call_id\":\"stranger\"}]}");
    assert_int_equal(f->answer.found, PROVIDER_FAILED);
}

/* Two clocks that agree an hour away from ours: what one lists by time, the other's dial is to be among. */
static void test_a_list_by_time_is_held_against_the_clock_that_told_the_begin(void **state)
{
    struct fixture *f = *state;
    static const struct provider_variable variables[] = {{"phone_number_id", "pn_1"}};
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN, .begin_ms = 1764000000000};
    char date[64];
    time_t in_an_hour = time(NULL) + 3600;
    struct tm parts;
    assert_non_null(gmtime_r(&in_an_hour, &parts));
    assert_int_not_equal(strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts), 0);
    provider_profile_free(f->profile);
    assert_int_equal(provider_profile_builtin("vapi", &f->profile), 0);
    f->trunk.variables = variables;
    f->trunk.n_variables = 1;
    f->header = date;
    static const struct {
        int64_t clock_ahead_ms;
        enum provider_found found;
    } rows[] = {{0, PROVIDER_FAILED}, {3600000, PROVIDER_ABSENT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lookup.clock_ahead_ms = rows[i].clock_ahead_ms;
        set_answer(f, "200 OK", "[]");
        assert_int_equal(provider_http_lookup(f->http, f->profile, &f->trunk, &lookup, on_answer, f, NULL), 0);
        wait_for_answer(f);
        assert_int_equal(f->answer.found, rows[i].found);
    }
    f->header = "";
}

static void test_cancels(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *status;
        enum provider_found found;
    } rows[] = {
        {"200 OK", PROVIDER_FOUND},
        {"404 Not Found", PROVIDER_ABSENT},
        {"409 Conflict", PROVIDER_ABSENT},
        {"500 Oops", PROVIDER_FAILED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_answer(f, rows[i].status, "");
        assert_int_equal(provider_http_cancel(f->http, f->profile, &f->trunk, "call_1", on_answer, f, NULL), 0);
        wait_for_answer(f);
        assert_int_equal(f->answer.found, rows[i].found);
        assert_int_equal(f->result.kind, PROVIDER_NONE);
        assert_true(was_seen(f, "POST /v2/stop-call/call_1 HTTP/1.1\r\n"));
    }
}

/* ---- endings ---- */

static bool has_request(void *arg)
{
    const struct fixture *f = arg;
    return f->requests > 0;
}

static void test_a_cancelled_exchange_is_heard_of_no_more(void **state)
{
    struct fixture *f = *state;
    struct provider_exchange *exchange = NULL;
    f->manner = IS_SILENT;
    assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_1", on_answer, f, &exchange), 0);
    assert_true(rig_wait(&f->rig, has_request, f));
    provider_exchange_cancel(exchange);
    assert_int_equal(provider_http_in_flight(f->http), 0);
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(f->answers, 0);
}

static void test_freeing_drops_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct dial_request dial = fixture_dial();
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN, .to = "+1555", .from = "+1666"};
    f->manner = IS_SILENT;
    assert_int_equal(provider_http_start(f->http, f->profile, &f->trunk, &dial, 0, on_start, f, NULL), 0);
    assert_int_equal(provider_http_lookup(f->http, f->profile, &f->trunk, &lookup, on_answer, f, NULL), 0);
    assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_1", on_answer, f, NULL), 0);
    assert_int_equal(provider_http_in_flight(f->http), 3);
    assert_true(rig_wait(&f->rig, has_request, f));
    provider_http_free(f->http);
    f->http = NULL;
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(f->answers, 0);
    assert_int_equal(http_client_in_flight(f->client), 0);
}

static bool is_answered_twice(void *arg)
{
    const struct fixture *f = arg;
    return f->answers >= 2;
}

static void test_an_answer_may_ask_the_next_question(void **state)
{
    struct fixture *f = *state;
    set_answer(f, "200 OK", "{\"call_id\":\"c\",\"call_status\":\"ongoing\"}");
    f->asks_again = true;
    assert_int_equal(provider_http_poll(f->http, f->profile, &f->trunk, "call_1", on_answer, f, NULL), 0);
    assert_true(rig_wait(&f->rig, is_answered_twice, f));
    assert_true(was_seen(f, "GET /v2/get-call/call_2 "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_create_is_accepted),
        TEST(test_a_throttled_create_says_when_to_come_back),
        TEST(test_a_create_that_was_read_and_reset_is_unknown_and_sent_once),
        TEST(test_a_create_that_nobody_took_was_not_sent),
        TEST(test_a_create_that_cannot_be_said_is_refused_at_once),
        TEST(test_polls),
        TEST(test_a_poll_that_is_cut_off_failed),
        TEST(test_lookups),
        TEST(test_a_list_by_time_is_held_against_the_clock_that_told_the_begin),
        TEST(test_cancels),
        TEST(test_a_cancelled_exchange_is_heard_of_no_more),
        TEST(test_freeing_drops_what_is_under_way),
        TEST(test_an_answer_may_ask_the_next_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
