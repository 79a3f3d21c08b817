/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "common/base/parse.h"

static const char why_db[] = "the database must be a number from 0 to 65535";

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (strncmp(*text, prefix, len) != 0)
        return false;
    *text += len;
    return true;
}

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_INVALID;
}

/* Letters, digits, dash, dot and underscore: what host names and the names of Sentinel are made of. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
        if (!ok)
            return false;
    }
    return true;
}

static bool host_is_name(const char *host, size_t len)
{
    return len > 0 && host[0] != '-' && host[0] != '.' && is_plain(host, len);
}

static bool set_ipv4(struct redis_url *url)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)&url->addr;
    if (inet_pton(AF_INET, url->host, &sin->sin_addr) != 1)
        return false;
    sin->sin_family = AF_INET;
    sin->sin_port = htons((uint16_t)url->port);
    url->addr_len = sizeof *sin;
    return true;
}

static bool set_ipv6(struct redis_url *url)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&url->addr;
    if (inet_pton(AF_INET6, url->host, &sin6->sin6_addr) != 1)
        return false;
    sin6->sin6_family = AF_INET6;
    sin6->sin6_port = htons((uint16_t)url->port);
    url->addr_len = sizeof *sin6;
    return true;
}

static int parse_db(const char *text, int *ret_db, const char **ret_why)
{
    uint64_t db;
    if (parse_u64(text, strlen(text), REDIS_URL_MAX_DB, &db) < 0)
        return refuse(ret_why, why_db);
    *ret_db = (int)db;
    return 0;
}

/* The text behind the host: nothing, which leaves the port as it is, or ":port". */
static int parse_port(const char *text, size_t len, int *ret_port, const char **ret_why)
{
    if (len == 0)
        return 0;
    uint64_t port;
    if (text[0] != ':' || parse_u64(text + 1, len - 1, UINT16_MAX, &port) < 0 || port == 0)
        return refuse(ret_why, "the port must be a number from 1 to 65535");
    *ret_port = (int)port;
    return 0;
}

/* Takes the host, whose port is set; false where it is neither a name nor an address. */
static bool set_host(struct redis_url *url, const char *host, size_t len)
{
    if (len > REDIS_URL_HOST_LEN || memchr(host, '\0', len))
        return false;
    memcpy(url->host, host, len);
    url->host[len] = '\0';
    memset(&url->addr, 0, sizeof url->addr);
    url->addr_len = 0;
    return set_ipv4(url) || set_ipv6(url) || host_is_name(url->host, len);
}

int redis_url_set_place(struct redis_url *url, const char *host, size_t len, int64_t port)
{
    struct redis_url changed = *url;
    if (port < 1 || port > UINT16_MAX)
        return ERR_INVALID;
    changed.port = (int)port;
    if (!set_host(&changed, host, len))
        return ERR_INVALID;
    *url = changed;
    return 0;
}

/* [host][:port]; the port that `url` has already is the default. */
static int parse_authority(const char *text, size_t len, struct redis_url *url, const char **ret_why)
{
    bool bracketed = len > 0 && text[0] == '[';
    const char *host = bracketed ? text + 1 : text;
    const char *host_end = memchr(text, bracketed ? ']' : ':', len);
    if (bracketed && !host_end)
        return refuse(ret_why, "an IPv6 address must stand in brackets, as in redis://[::1]:6379");
    if (!host_end)
        host_end = text + len;
    size_t host_len = (size_t)(host_end - host);
    const char *port = bracketed ? host_end + 1 : host_end;
    int rc = parse_port(port, (size_t)(text + len - port), &url->port, ret_why);
    if (rc < 0)
        return rc;
    if (host_len == 0 && !bracketed) {
        host = "127.0.0.1";
        host_len = strlen(host);
    }
    if (host_len > REDIS_URL_HOST_LEN)
        return refuse(ret_why, "the host name is longer than 253 characters");
    bool is_known = set_host(url, host, host_len);
    if (bracketed && (!is_known || url->addr.ss_family != AF_INET6))
        return refuse(ret_why, "what stands in brackets is not an IPv6 address");
    return is_known ? 0 : refuse(ret_why, "the host is neither a name nor an address");
}

static int parse_tcp(const char *text, struct redis_url *url, const char **ret_why)
{
    if (strpbrk(text, "?#"))
        return refuse(ret_why, "redis:// and rediss:// take no query and no fragment");
    size_t authority_len = strcspn(text, "/");
    if (memchr(text, '@', authority_len))
        return refuse(ret_why, "user and password do not belong in the URL: they are settings of their own");
    const char *db = text + authority_len;
    if (db[0] == '/' && db[1] != '\0') {
        int rc = parse_db(db + 1, &url->db, ret_why);
        if (rc < 0)
            return rc;
    }
    url->port = REDIS_URL_DEFAULT_PORT;
    return parse_authority(text, authority_len, url, ret_why);
}

/* host[:port],... */
static int parse_sentinels(const char *text, size_t len, struct redis_url *url, const char **ret_why)
{
    for (const char *end = text + len; text <= end;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t one_len = (size_t)((comma ? comma : end) - text);
        struct redis_url one = {.port = REDIS_URL_SENTINEL_PORT};
        if (one_len == 0 || text[0] == ':')
            return refuse(ret_why, "a Sentinel without a host: sentinel://host[:port],host[:port]/name");
        if (url->n_sentinels == LIMIT_REDIS_SENTINELS)
            return refuse(ret_why, "more than 8 Sentinels");
        int rc = parse_authority(text, one_len, &one, ret_why);
        if (rc < 0)
            return rc;
        struct redis_place *place = &url->sentinels[url->n_sentinels++];
        memcpy(place->host, one.host, sizeof place->host);
        place->port = one.port;
        text += one_len + 1;
    }
    return 0;
}

static int parse_sentinel(const char *text, struct redis_url *url, const char **ret_why)
{
    if (strpbrk(text, "?#"))
        return refuse(ret_why, "sentinel:// takes no query and no fragment");
    size_t hosts_len = strcspn(text, "/");
    if (memchr(text, '@', hosts_len))
        return refuse(ret_why, "user and password do not belong in the URL: they are settings of their own");
    const char *name = text[hosts_len] == '/' ? text + hosts_len + 1 : "";
    size_t name_len = strcspn(name, "/");
    if (name_len == 0 || name_len > REDIS_URL_PRIMARY_LEN || !is_plain(name, name_len))
        return refuse(ret_why,
                      "behind the Sentinels stands the name of the primary that they watch, 1 to 64 of A-Z a-z "
                      "0-9 . - _: sentinel://host,host/name");
    memcpy(url->primary, name, name_len);
    if (name[name_len] == '/') {
        int rc = parse_db(name + name_len + 1, &url->db, ret_why);
        if (rc < 0)
            return rc;
    }
    return parse_sentinels(text, hosts_len, url, ret_why);
}

static int parse_unix(const char *text, struct redis_url *url, const char **ret_why)
{
    struct sockaddr_un *sun = (struct sockaddr_un *)&url->addr;
    size_t path_len = strcspn(text, "?");
    if (text[0] != '/' || path_len < 2)
        return refuse(ret_why, "a Unix socket is given with its absolute path: unix:///path");
    if (path_len >= sizeof sun->sun_path)
        return refuse(ret_why, "the path of a Unix socket holds at most 107 bytes");
    if (memchr(text, '%', path_len))
        return refuse(ret_why, "the path of a Unix socket is taken as it is: no %-encoding");
    const char *query = text + path_len;
    if (query[0] == '?') {
        if (!skip_prefix(&query, "?db="))
            return refuse(ret_why, "the only query that unix:// takes is ?db=N");
        int rc = parse_db(query, &url->db, ret_why);
        if (rc < 0)
            return rc;
    }
    sun->sun_family = AF_UNIX;
    memcpy(sun->sun_path, text, path_len);
    url->addr_len = sizeof *sun;
    return 0;
}

int redis_url_parse(const char *text, struct redis_url *ret_url, const char **ret_why)
{
    struct redis_url url = {.addr_len = 0};
    const char *rest = text;
    int rc;
    if (skip_prefix(&rest, "redis://")) {
        rc = parse_tcp(rest, &url, ret_why);
    } else if (skip_prefix(&rest, "rediss://")) {
        url.is_tls = true;
        rc = parse_tcp(rest, &url, ret_why);
    } else if (skip_prefix(&rest, "unix://")) {
        rc = parse_unix(rest, &url, ret_why);
    } else if (skip_prefix(&rest, "sentinel://")) {
        rc = parse_sentinel(rest, &url, ret_why);
    } else if (skip_prefix(&rest, "sentinels://")) {
        url.is_tls = true;
        rc = parse_sentinel(rest, &url, ret_why);
    } else {
        rc = refuse(ret_why, "the URL must begin with redis://, rediss://, unix://, sentinel:// or sentinels://");
    }
    if (rc < 0)
        return rc;
    *ret_url = url;
    return 0;
}
