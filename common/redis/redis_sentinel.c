/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_sentinel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

#define NODE_LEN (REDIS_URL_HOST_LEN + sizeof "[]:65535")
#define DETAIL_LEN 256

struct redis_sentinel {
    struct loop *loop;
    redis_sentinel_fn fn;
    void *arg;
    bool is_tls;
    char primary[REDIS_URL_PRIMARY_LEN + 1];
    char nodes[LIMIT_REDIS_SENTINELS][NODE_LEN]; /* as in a URL */
    size_t n_nodes;
    char *password;
    char *ca_file;
    char *cert_file;
    char *key_file;

    size_t current; /* whom to ask, or who told last */
    size_t n_failed; /* in this round */
    struct redis *connection; /* NULL: no round is under way */
    enum redis_refusal why;
    char detail[DETAIL_LEN];
};

static char *copy(const char *text, bool *ret_failed)
{
    char *made = text ? strdup(text) : NULL;
    *ret_failed |= text && !made;
    return made;
}

int redis_sentinel_create(struct loop *loop, const struct redis_config *config, const struct redis_url *url,
                          redis_sentinel_fn fn, void *arg, struct redis_sentinel **ret_sentinel)
{
    struct redis_sentinel *s = calloc(1, sizeof *s);
    bool failed = false;
    if (!s)
        return ERR_NOMEM;
    s->loop = loop;
    s->fn = fn;
    s->arg = arg;
    s->is_tls = url->is_tls;
    s->n_nodes = url->n_sentinels;
    memcpy(s->primary, url->primary, sizeof s->primary);
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct redis_place *place = &url->sentinels[i];
        bool is_ipv6 = strchr(place->host, ':') != NULL;
        (void)snprintf(s->nodes[i], NODE_LEN, is_ipv6 ? "[%s]:%d" : "%s:%d", place->host, place->port);
    }
    s->password = copy(config->sentinel_password, &failed);
    s->ca_file = copy(config->ca_file, &failed);
    s->cert_file = copy(config->cert_file, &failed);
    s->key_file = copy(config->key_file, &failed);
    if (failed) {
        redis_sentinel_free(s);
        return ERR_NOMEM;
    }
    *ret_sentinel = s;
    return 0;
}

void redis_sentinel_free(struct redis_sentinel *s)
{
    if (!s)
        return;
    redis_sentinel_cancel(s);
    if (s->password)
        explicit_bzero(s->password, strlen(s->password));
    free(s->password);
    free(s->ca_file);
    free(s->cert_file);
    free(s->key_file);
    free(s);
}

void redis_sentinel_cancel(struct redis_sentinel *s)
{
    if (s) {
        redis_free(s->connection);
        s->connection = NULL;
    }
}

void redis_sentinel_distrust(struct redis_sentinel *s)
{
    s->current = (s->current + 1) % s->n_nodes;
}

enum redis_refusal redis_sentinel_refusal(const struct redis_sentinel *s)
{
    return s->why;
}

const char *redis_sentinel_detail(const struct redis_sentinel *s)
{
    return s->detail;
}

/* ---- one Sentinel ---- */

static void ask_for_primary(void *arg);
static void gone(enum redis_refusal why, const char *detail, void *arg);

static int connect_to_current(struct redis_sentinel *s)
{
    char url[sizeof "rediss://" + NODE_LEN];
    const char *why = "";
    (void)snprintf(url, sizeof url, "redis%s://%s", s->is_tls ? "s" : "", s->nodes[s->current]);
    const struct redis_config config = {
        .url = url,
        .password = s->password,
        .ca_file = s->ca_file,
        .cert_file = s->cert_file,
        .key_file = s->key_file,
        .skip_checks = true,
        .skip_scripts = true,
        .connect_timeout_ms = LIMIT_SENTINEL_MS,
    };
    return redis_create(s->loop, &config, ask_for_primary, gone, s, &s->connection, &why);
}

/* The current one is of no use: the next, or the end of the round. `s` may be gone afterwards. */
static void give_up_on_it(struct redis_sentinel *s, enum redis_refusal why, const char *detail)
{
    size_t len = strlen(s->detail);
    (void)snprintf(s->detail + len, sizeof s->detail - len, "%sSentinel %s: %s", len ? "; " : "", s->nodes[s->current],
                   detail); /* a cut detail is good enough */
    s->why = s->n_failed == 0 || s->why == why ? why : REDIS_REFUSAL_UNREACHABLE;
    s->n_failed++;
    s->current = (s->current + 1) % s->n_nodes;
    redis_sentinel_cancel(s);
    if (s->n_failed == s->n_nodes || connect_to_current(s) < 0)
        s->fn(NULL, s->arg);
}

static void gone(enum redis_refusal why, const char *detail, void *arg)
{
    give_up_on_it(arg, why, detail);
}

/* False where it is no place that could be connected to. */
static bool read_place(const struct redisReply *reply, struct redis_place *ret_place)
{
    struct redis_url probe = {.port = 0};
    const char *host;
    size_t host_len;
    int64_t port;
    if (reply_len(reply) != 2 || reply_str(reply_at(reply, 0), &host, &host_len) < 0 ||
        reply_i64(reply_at(reply, 1), &port) < 0 || redis_url_set_place(&probe, host, host_len, port) < 0)
        return false;
    memcpy(ret_place->host, probe.host, sizeof ret_place->host);
    ret_place->port = probe.port;
    return true;
}

static void answered(const struct redisReply *reply, int err, void *arg)
{
    struct redis_sentinel *s = arg;
    struct redis_place primary;
    if (err < 0)
        return; /* the connection is gone, and gone() is about to be told; or we have freed it */
    if (reply_is_nil(reply)) {
        give_up_on_it(s, REDIS_REFUSAL_UNREACHABLE, "knows no primary of that name");
    } else if (reply_error(reply)) {
        give_up_on_it(s, reply_to_err(reply) == ERR_AUTH ? REDIS_REFUSAL_AUTH : REDIS_REFUSAL_UNREACHABLE,
                      reply_error(reply));
    } else if (!read_place(reply, &primary)) {
        give_up_on_it(s, REDIS_REFUSAL_UNREACHABLE, "an answer that makes no sense");
    } else {
        redis_sentinel_cancel(s);
        s->fn(&primary, s->arg);
    }
}

static void ask_for_primary(void *arg)
{
    struct redis_sentinel *s = arg;
    const struct redis_arg args[] = {redis_arg_str("SENTINEL"), redis_arg_str("GET-MASTER-ADDR-BY-NAME"),
                                     redis_arg_str(s->primary)};
    if (redis_command(s->connection, args, 3, LIMIT_SENTINEL_MS, answered, s) < 0)
        give_up_on_it(s, REDIS_REFUSAL_UNREACHABLE, "out of memory");
}

int redis_sentinel_ask(struct redis_sentinel *s)
{
    s->n_failed = 0;
    s->why = REDIS_REFUSAL_UNREACHABLE;
    s->detail[0] = '\0';
    return connect_to_current(s);
}
