/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/event_feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/json/json.h"
#include "producer/api.h"
#include "producer/batch_lookup.h"
#include "producer/batch_status.h"
#include "producer/batch_version.h"
#include "producer/event_text.h"

#define LOOKS_AT_ONCE 4
#define RETRY_MS 2000
#define DISMISSED_MS 2000 /* who takes nothing then must not hold up the end of the process */
#define COMMENT_BYTES 256

/* One look, or glance. */
struct look {
    struct feed *feed;
    uint64_t number; /* 0: a glance */
    struct batch_lookup batch; /* of a glance */
};

/* ---- what a listener gets ---- */

static void write_to(struct listener *l, const struct buf *text)
{
    int err = exchange_write(l->x, buf_str(text), buf_len(text));
    if (err)
        exchange_fail(l->x, err);
}

static size_t waiting(const struct listener *l)
{
    return http_request_waiting(exchange_request(l->x));
}

/* Its feed's status, and the end where that is one. */
static void tell(struct listener *l)
{
    const struct feed *f = l->feed;
    if (!exchange_is_open(l->x))
        return;
    l->is_behind = waiting(l) > LIMIT_LISTENER_BYTES;
    if (l->is_behind) {
        metric_add(event_hub_api(f->hub)->events_skipped, 1);
        return;
    }
    if (!f->has_ended || l->version != f->version)
        write_to(l, &f->status);
    l->version = f->version;
    if (!f->has_ended)
        return;
    write_to(l, &f->end);
    exchange_finish(l->x);
}

void listener_on_room(struct exchange *x)
{
    struct listener *l = exchange_kept(x);
    if (l->is_behind)
        tell(l);
}

void listener_dismiss(struct listener *l, const char *comment, unsigned retry_ms)
{
    struct buf text;
    if (!exchange_is_open(l->x))
        return;
    buf_init(&text, COMMENT_BYTES);
    int err = event_text_comment(&text, comment);
    if (!err && retry_ms)
        err = event_text_retry(&text, retry_ms);
    if (!err)
        write_to(l, &text);
    buf_free(&text);
    exchange_finish(l->x);
    http_request_hurry(exchange_request(l->x), DISMISSED_MS);
}

/* To all who have nothing else to take. */
static void comment(struct feed *f, const char *words)
{
    struct buf text;
    struct listener *l = NULL;
    buf_init(&text, COMMENT_BYTES);
    if (event_text_comment(&text, words) == 0) {
        LIST_FOREACH(l, &f->listeners, next)
        {
            if (exchange_is_open(l->x) && waiting(l) == 0)
                write_to(l, &text);
        }
    }
    buf_free(&text);
    f->spoke_us = clock_mono_us();
}

/* ---- what was read ---- */

/* True where it is news to whoever had the status before. */
static bool take_text(struct feed *f, const struct buf *status)
{
    /* All but the id, whose length never changes. */
    size_t head = strlen("event: status\nid: ") + BATCH_VERSION_LEN;
    bool is_news = buf_len(&f->status) > 0 && (buf_len(&f->status) != buf_len(status) ||
                                               strcmp(buf_str(&f->status) + head, buf_str(status) + head) != 0);
    buf_clear(&f->status);
    /* The ceiling is the same, and the buffer that is copied from met it. */
    return buf_append(&f->status, buf_str(status), buf_len(status)) != 0 || is_news;
}

static int render_status(const struct feed *f, const cJSON *body, struct buf *out)
{
    char id[BATCH_VERSION_LEN + 1];
    struct buf json;
    batch_version_format(f->version, id);
    buf_init(&json, LIMIT_ANSWER_BYTES);
    int err = json_print(body, &json);
    if (!err)
        err = event_text_event(out, "status", id, buf_str(&json));
    buf_free(&json);
    return err;
}

/* {batchId, status} */
static int render_end(struct feed *f, const cJSON *body)
{
    char id[BATCH_VERSION_LEN + sizeof EVENT_END_SUFFIX];
    struct buf json;
    cJSON *data = cJSON_CreateObject();
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "status"));
    batch_version_format(f->version, id);
    memcpy(id + BATCH_VERSION_LEN, EVENT_END_SUFFIX, sizeof EVENT_END_SUFFIX);
    buf_init(&json, LIMIT_ANSWER_BYTES);
    int err = json_add_str(data, "batchId", f->batch_id) && json_add_str(data, "status", status) ? 0 : ERR_NOMEM;
    if (!err)
        err = json_print(data, &json);
    buf_clear(&f->end);
    if (!err)
        err = event_text_event(&f->end, "end", id, buf_str(&json));
    buf_free(&json);
    cJSON_Delete(data);
    return err;
}

static bool is_wanted(const struct listener *l, const struct look *look, uint64_t was, bool is_news)
{
    if (l->version == 0)
        return look->number >= l->since;
    return is_news || (l->version != was && l->version != l->feed->version);
}

static void tell_all(struct feed *f, const struct look *look, uint64_t was, bool is_news)
{
    struct listener *l = NULL;
    bool is_told = false;
    LIST_FOREACH(l, &f->listeners, next)
    {
        if (f->has_ended || is_wanted(l, look, was, is_news)) {
            tell(l);
            is_told = true;
        } else if (l->version != 0) {
            l->version = f->version;
        }
    }
    if (is_told)
        f->spoke_us = clock_mono_us();
}

static void on_status(struct exchange *x, struct batch_status *status, void *arg)
{
    struct look *look = arg;
    struct feed *f = look->feed;
    struct buf text;
    uint64_t was = f->version;
    cJSON *body = batch_status_take_body(status);
    buf_init(&text, f->status.max);
    f->version = batch_status_version(status);
    int err = render_status(f, body, &text);
    if (!err)
        err = render_end(f, body);
    if (err) {
        f->version = was;
    } else {
        f->has_ended = batch_status_has_ended(status);
        f->has_pulse = batch_status_has_pulse(status);
        tell_all(f, look, was, take_text(f, &text));
    }
    buf_free(&text);
    cJSON_Delete(body);
    if (err)
        exchange_fail(x, err);
    else
        exchange_end_own(x);
}

/* ---- looking ---- */

static void rest(struct feed *f)
{
    if (!f->has_ended)
        loop_timer_arm_us(f->timer, event_hub_period_us(f->hub));
}

static void heard(struct feed *f)
{
    if (f->is_away)
        comment(f, "the batch can be read again");
    f->is_away = false;
}

static void not_heard(struct feed *f)
{
    if (!f->is_away)
        comment(f, "the batch cannot be read now; the stream goes on when it can");
    f->is_away = true;
}

static void dismiss_all(struct feed *f, const char *words)
{
    struct listener *l = NULL;
    LIST_FOREACH(l, &f->listeners, next)
    {
        listener_dismiss(l, words, 0);
    }
}

static void on_over(int err, void *arg)
{
    struct look *look = arg;
    struct feed *f = look->feed;
    f->wants_look = f->wants_look || (err && look->number > 0);
    free(look);
    f->under_way--;
    if (!err)
        heard(f);
    else if (err == ERR_NOT_FOUND)
        dismiss_all(f, "there is no such batch any more");
    else
        not_heard(f);
    if (f->n == 0) {
        if (f->under_way == 0)
            event_hub_drop_feed(f->hub, f);
        return;
    }
    rest(f);
    if (f->wants_look && !err)
        feed_look(f);
}

static void read_whole(struct exchange *x)
{
    struct look *look = exchange_own_arg(x);
    struct batch_status *status;
    if (batch_status_create(BATCH_STATUS_FULL, look->feed->batch_id, BATCH_STATUS_RECENT, &status) != 0) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, status, batch_status_free);
    batch_status_read(status, x, on_status, look);
}

static void on_glance(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct look *look = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    if (batch_version_of(report->fields) != look->feed->version)
        look->feed->wants_look = true;
    exchange_end_own(x);
}

static void read_hash(struct exchange *x)
{
    struct look *look = exchange_own_arg(x);
    memcpy(look->batch.id, look->feed->batch_id, sizeof look->batch.id);
    batch_lookup_ask(&look->batch, x, on_glance, look);
}

static void begin(struct feed *f, bool is_glance)
{
    struct look *look = calloc(1, sizeof *look);
    if (look) {
        look->feed = f;
        look->number = is_glance ? 0 : ++f->looks;
        f->wants_look = f->wants_look && is_glance;
        f->under_way++;
        metric_add(event_hub_api(f->hub)->events_reads, 1);
        if (exchange_begin_own(event_hub_api(f->hub), &f->who, is_glance ? read_hash : read_whole, on_over, look) == 0)
            return;
        f->under_way--;
    }
    free(look);
    rest(f); /* memory ran out: perhaps there is some the next time */
}

void feed_look(struct feed *f)
{
    if (f->under_way >= LOOKS_AT_ONCE)
        f->wants_look = true;
    else
        begin(f, false);
}

static void on_timer(void *arg)
{
    struct feed *f = arg;
    if (f->n == 0 || f->under_way > 0)
        return;
    if (clock_mono_us() - f->spoke_us >= event_hub_heartbeat_us(f->hub))
        comment(f, "still here");
    begin(f, !f->has_pulse && !f->wants_look && f->version != 0);
}

/* ---- its life ---- */

int feed_create(struct event_hub *hub, const char *batch_id, const struct identity *who, struct feed **ret_feed)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    f->hub = hub;
    f->who = *who;
    f->spoke_us = clock_mono_us();
    memcpy(f->batch_id, batch_id, strlen(batch_id) + 1);
    LIST_INIT(&f->listeners);
    buf_init(&f->status, LIMIT_ANSWER_BYTES + COMMENT_BYTES);
    buf_init(&f->end, COMMENT_BYTES);
    int err = loop_timer_create(event_hub_api(hub)->loop, on_timer, f, &f->timer);
    if (err) {
        free(f);
        return err;
    }
    *ret_feed = f;
    return 0;
}

void feed_free(struct feed *f)
{
    loop_timer_free(f->timer);
    buf_free(&f->status);
    buf_free(&f->end);
    free(f);
}

static bool has_seen(uint64_t version, const char *last_event_id)
{
    char id[BATCH_VERSION_LEN + 1];
    batch_version_format(version, id);
    return last_event_id && strcmp(last_event_id, id) == 0;
}

void feed_join(struct feed *f, struct listener *l, uint64_t version, const char *last_event_id)
{
    struct buf text;
    l->feed = f;
    l->since = f->looks + 1;
    LIST_INSERT_HEAD(&f->listeners, l, next);
    f->n++;
    buf_init(&text, COMMENT_BYTES);
    if (event_text_retry(&text, RETRY_MS) == 0)
        write_to(l, &text);
    buf_free(&text);
    if (has_seen(version, last_event_id))
        l->version = version;
    bool is_current = f->version == version && !f->has_pulse;
    if (is_current && (l->version == 0 || f->has_ended))
        tell(l);
    else if (!is_current)
        feed_look(f);
}
