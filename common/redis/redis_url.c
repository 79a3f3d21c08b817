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

static bool host_is_name(const char *host, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
        if (!ok)
            return false;
    }
    return len > 0 && host[0] != '-' && host[0] != '.';
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

/* The text behind the host: nothing, or ":port". */
static int parse_port(const char *text, size_t len, int *ret_port, const char **ret_why)
{
    *ret_port = REDIS_URL_DEFAULT_PORT;
    if (len == 0)
        return 0;
    uint64_t port;
    if (text[0] != ':' || parse_u64(text + 1, len - 1, UINT16_MAX, &port) < 0 || port == 0)
        return refuse(ret_why, "the port must be a number from 1 to 65535");
    *ret_port = (int)port;
    return 0;
}

/* [host][:port] */
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
    memcpy(url->host, host, host_len);
    url->host[host_len] = '\0';
    if (bracketed)
        return set_ipv6(url) ? 0 : refuse(ret_why, "what stands in brackets is not an IPv6 address");
    if (!set_ipv4(url) && !host_is_name(url->host, host_len))
        return refuse(ret_why, "the host is neither a name nor an address");
    return 0;
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
    return parse_authority(text, authority_len, url, ret_why);
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
    url.is_tls = skip_prefix(&rest, "rediss://");
    if (url.is_tls || skip_prefix(&rest, "redis://"))
        rc = parse_tcp(rest, &url, ret_why);
    else if (skip_prefix(&rest, "unix://"))
        rc = parse_unix(rest, &url, ret_why);
    else if (skip_prefix(&rest, "sentinel://"))
        rc = refuse(ret_why, "sentinel:// is not supported yet");
    else
        rc = refuse(ret_why, "the URL must begin with redis://, rediss:// or unix://");
    if (rc < 0)
        return rc;
    *ret_url = url;
    return 0;
}
