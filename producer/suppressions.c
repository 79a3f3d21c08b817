/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/suppressions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/body.h"
#include "producer/exchange.h"
#include "producer/list_query.h"

#define NUMBER_FAULT "must be an international number like +15550001111: a plus sign and 7 to 15 digits"
/* "n<number>" or "s<cursor of SSCAN>" (suppression_list.lua), which clients see in hexadecimal. */
#define PLACE_LEN 21
#define CHANGE_ARGS 3 /* of suppression_change.lua, before the numbers */

static bool is_global(const struct exchange *x)
{
    return exchange_identity(x)->role == ROLE_OPERATOR;
}

static bool add_scope(const struct exchange *x, cJSON *body)
{
    return json_add_str(body, "scope", is_global(x) ? "global" : "tenant") != NULL;
}

static void answer(struct exchange *x, cJSON *body, bool is_whole)
{
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

/* The query's phoneNumber. Answers 400 and gives false where it is none. */
static bool read_number(struct exchange *x, const char *text, uint64_t *ret_number)
{
    if (phone_parse(text, strlen(text), ret_number) == 0)
        return true;
    exchange_bad_argument(x, "phoneNumber", NUMBER_FAULT);
    return false;
}

/* ---- GET: one number ---- */

struct question {
    uint64_t number;
};

static void on_member(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct question *question = arg;
    char text[PHONE_TEXT_LEN + 1];
    int64_t is_member;
    if (!err)
        err = reply_i64(reply, &is_member);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    phone_format(question->number, text);
    cJSON *body = cJSON_CreateObject();
    answer(x, body,
           json_add_str(body, "phoneNumber", text) && cJSON_AddBoolToObject(body, "suppressed", is_member == 1) &&
               add_scope(x, body));
}

static void ask_one(struct exchange *x, const char *text)
{
    char digits[REDIS_I64_LEN];
    uint64_t number;
    if (!read_number(x, text, &number))
        return;
    struct question *question = malloc(sizeof *question);
    if (!question) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    question->number = number;
    exchange_keep(x, question, free);
    struct key key = key_suppressed(exchange_identity(x)->cell, exchange_identity(x)->tenant);
    const struct redis_arg args[] = {redis_arg_str("SISMEMBER"), key_arg(&key), redis_arg_i64((int64_t)number, digits)};
    int err = exchange_command(x, args, 3, on_member, question);
    if (err)
        exchange_fail(x, err);
}

/* ---- GET: a page ---- */

static bool add_numbers(cJSON *body, const struct redisReply *reply)
{
    cJSON *list = cJSON_AddArrayToObject(body, "phoneNumbers");
    for (size_t i = 2; list && i < reply_len(reply); i++) {
        char text[PHONE_TEXT_LEN + 1];
        int64_t number;
        if (reply_i64(reply_at(reply, i), &number) != 0 || !phone_is_valid((uint64_t)number))
            return false;
        phone_format((uint64_t)number, text);
        if (!json_add_item(list, text))
            return false;
    }
    return list != NULL;
}

static void on_page(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    char cursor[2 * PLACE_LEN + 1];
    const char *place;
    size_t len;
    int64_t total;
    if (!err)
        err = reply_i64(reply_at(reply, 0), &total);
    if (!err)
        err = reply_str(reply_at(reply, 1), &place, &len);
    if (!err && len > PLACE_LEN)
        err = ERR_PROTOCOL;
    if (err) {
        exchange_fail(x, err);
        return;
    }
    encode_hex(place, len, cursor);
    cJSON *body = cJSON_CreateObject();
    answer(x, body,
           add_scope(x, body) && json_add_i64(body, "total", total) && add_numbers(body, reply) &&
               json_add_str(body, "nextCursor", len > 0 ? cursor : NULL));
}

static void read_place(const struct http_request *req, char ret_place[PLACE_LEN + 1], struct faults *faults)
{
    size_t len = list_place_read(req, PLACE_LEN, ret_place, faults);
    uint64_t value;
    if (len > 0 &&
        ((ret_place[0] != 'n' && ret_place[0] != 's') || parse_u64(ret_place + 1, len - 1, UINT64_MAX, &value) != 0))
        list_cursor_refuse(faults);
}

static void ask_page(struct exchange *x)
{
    char place[PLACE_LEN + 1], space[REDIS_I64_LEN];
    uint64_t wanted;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    list_limit_read(exchange_request(x), LIMIT_LIST, &wanted, &faults);
    read_place(exchange_request(x), place, &faults);
    if (!exchange_take_faults(x, &faults))
        return;
    const struct redis_arg args[] = {redis_arg_str(exchange_identity(x)->tenant), redis_arg_str(place),
                                     redis_arg_i64((int64_t)wanted, space)};
    int err = exchange_script(x, LUA_SUPPRESSION_LIST, args, 3, on_page, NULL);
    if (err)
        exchange_fail(x, err);
}

static void run_list(struct exchange *x)
{
    static const char *const of_page[] = {"limit", "cursor"};
    static const char *const of_one[] = {"phoneNumber"};
    const char *text = http_request_query(exchange_request(x), "phoneNumber");
    if (text && exchange_knows_query(x, of_one, 1))
        ask_one(x, text);
    else if (!text && exchange_knows_query(x, of_page, 2))
        ask_page(x);
}

/* ---- PUT, DELETE ---- */

struct change {
    bool is_put;
    size_t cell; /* of an operator's: which of those that are served */
    int64_t changed_here; /* in this cell so far */
    int64_t changed; /* the most of any cell */
    int64_t total; /* in the last one */
    size_t n;
    size_t at; /* the first number of the next part */
    char numbers[LIMIT_SUPPRESSIONS_CHANGED][LIMIT_PHONE_DIGITS + 1];
};

static void answer_change(struct exchange *x, const struct change *change)
{
    const char *changed = change->is_put ? "added" : "removed", *others = change->is_put ? "known" : "unknown";
    log_info("suppressions.changed", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_i64(changed, change->changed),
             log_i64("total", change->total));
    cJSON *body = cJSON_CreateObject();
    answer(x, body,
           cJSON_AddTrueToObject(body, "success") && add_scope(x, body) &&
               json_add_i64(body, changed, change->changed) &&
               json_add_i64(body, others, (int64_t)change->n - change->changed) &&
               json_add_i64(body, "total", change->total));
}

static void change_part(struct exchange *x, struct change *change);

/* True where the change goes on in another cell. */
static bool enter_next_cell(const struct exchange *x, struct change *change)
{
    change->changed = change->changed_here > change->changed ? change->changed_here : change->changed;
    change->changed_here = 0;
    change->at = 0;
    change->cell++;
    return is_global(x) && change->cell < daemon_cell_count(exchange_api(x)->daemon);
}

static void on_changed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct change *change = arg;
    int64_t changed, total;
    if (err == ERR_TOO_LARGE) {
        exchange_error(x, 409, "TOO_MANY_SUPPRESSIONS", "The list has no room for so many numbers.", NULL);
        return;
    }
    if (!err)
        err = reply_i64(reply_at(reply, 0), &changed);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &total);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    change->changed_here += changed;
    if (change->at < change->n || enter_next_cell(x, change)) {
        change_part(x, change);
        return;
    }
    change->total = total;
    answer_change(x, change);
}

/* How many the list may hold for the part to be put on it: room for the whole request is asked for with its first part,
 * so that it is not refused half done. */
static int64_t held_at_most(const struct exchange *x, const struct change *change)
{
    if (change->at > 0 || change->cell > 0)
        return LIMIT_COUNT;
    return (is_global(x) ? LIMIT_SUPPRESSIONS_GLOBAL : LIMIT_SUPPRESSIONS_TENANT) - (int64_t)change->n;
}

/* Part by part, in the tenant's cell or in one cell after the other. */
static void change_part(struct exchange *x, struct change *change)
{
    const struct identity *who = exchange_identity(x);
    const char *cell = is_global(x) ? daemon_cell(exchange_api(x)->daemon, change->cell) : who->cell;
    char most[REDIS_I64_LEN];
    struct redis_arg args[CHANGE_ARGS + LIMIT_SUPPRESSIONS_PART];
    args[0] = redis_arg_str(who->tenant);
    args[1] = redis_arg_str(change->is_put ? "add" : "remove");
    args[2] = redis_arg_i64(held_at_most(x, change), most);
    size_t n = CHANGE_ARGS;
    while (change->at < change->n && n < sizeof args / sizeof args[0])
        args[n++] = redis_arg_str(change->numbers[change->at++]);
    int err = exchange_script_in(x, cell, LUA_SUPPRESSION_CHANGE, args, n, on_changed, change);
    if (err)
        exchange_fail(x, err);
}

static void add_number(struct change *change, uint64_t number)
{
    (void)snprintf(change->numbers[change->n++], sizeof change->numbers[0], "%" PRIu64, number);
}

static void read_numbers(struct change *change, const cJSON *list, struct faults *faults)
{
    const cJSON *item;
    size_t i = 0;
    cJSON_ArrayForEach(item, list)
    {
        uint64_t number;
        if (!cJSON_IsString(item))
            faults_add_path(faults, FAULT_TYPE, "must be a string", "phoneNumbers[%zu]", i);
        else if (phone_parse(item->valuestring, strlen(item->valuestring), &number) != 0)
            faults_add_path(faults, FAULT_NUMBER, NUMBER_FAULT, "phoneNumbers[%zu]", i);
        else
            add_number(change, number);
        i++;
    }
}

static void judge(struct change *change, const cJSON *object, struct faults *faults)
{
    static const char *const known[] = {"phoneNumbers", "userId"};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "phoneNumbers");
    body_check_names(object, known, 2, faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, faults);
    if (!list)
        faults_add(faults, "phoneNumbers", FAULT_REQUIRED, "is required");
    else if (!cJSON_IsArray(list))
        faults_add(faults, "phoneNumbers", FAULT_TYPE, "must be an array of numbers as text");
    else if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > LIMIT_SUPPRESSIONS_CHANGED)
        faults_add(faults, "phoneNumbers", FAULT_LENGTH, "must hold 1 to %d numbers", LIMIT_SUPPRESSIONS_CHANGED);
    else
        read_numbers(change, list, faults);
}

static bool read_body(struct exchange *x, struct change *change)
{
    struct faults faults;
    cJSON *object = body_read_object(x, false);
    if (!object || !body_check_user(x, object)) {
        cJSON_Delete(object);
        return false;
    }
    faults_init(&faults, LIMIT_FAULTS);
    judge(change, object, &faults);
    bool is_good = exchange_take_faults(x, &faults);
    cJSON_Delete(object);
    return is_good;
}

/* The one that a DELETE names in its query; then it has no body. */
static bool read_query(struct exchange *x, struct change *change, const char *text)
{
    uint64_t number;
    size_t len;
    (void)http_request_body(exchange_request(x), &len);
    if (len > 0) {
        exchange_bad_argument(x, "phoneNumber", "stands in the query or in a body, not in both");
        return false;
    }
    if (!read_number(x, text, &number))
        return false;
    add_number(change, number);
    return true;
}

static void run_change(struct exchange *x, bool is_put)
{
    static const char *const known[] = {"phoneNumber"};
    if (!exchange_knows_query(x, known, is_put ? 0 : 1))
        return;
    struct change *change = calloc(1, sizeof *change);
    if (!change) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    change->is_put = is_put;
    exchange_keep(x, change, free);
    const char *text = http_request_query(exchange_request(x), "phoneNumber");
    if (text ? read_query(x, change, text) : read_body(x, change))
        change_part(x, change);
}

static void run_put(struct exchange *x)
{
    run_change(x, true);
}

static void run_delete(struct exchange *x)
{
    run_change(x, false);
}

void suppressions_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ_ANY, run_list);
}

void suppressions_put(struct http_request *req, void *arg)
{
    exchange_begin_early(arg, req, ACCESS_WRITE_ANY, run_put);
}

void suppressions_delete(struct http_request *req, void *arg)
{
    exchange_begin_early(arg, req, ACCESS_WRITE_ANY, run_delete);
}
