/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/webhook_url.h"

#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/parse.h"

#define LABEL_LEN 63
#define PORT_HTTPS 443
#define PORT_HTTP 80
#define PORT_MAX 65535

/* A piece of the text. */
struct slice {
    const char *text;
    size_t len;
};

static int refuse(const char **ret_why, int code, const char *why)
{
    if (ret_why)
        *ret_why = why;
    return code;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool takes_scheme(struct slice *rest, const char *scheme)
{
    size_t n = strlen(scheme);
    if (rest->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (to_lower(rest->text[i]) != scheme[i])
            return false;
    }
    rest->text += n;
    rest->len -= n;
    return true;
}

/* Everything a URL may be written with, so that no two readers (ours, libcurl's, a log's) see different things. */
static bool has_plain_characters(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\')
            return false;
    }
    return true;
}

/* "0x7f.1", "127.1", "2130706433": resolvers read addresses out of names that end in a number. */
static bool ends_in_number(const char *host, size_t len)
{
    size_t start = len;
    while (start > 0 && host[start - 1] != '.')
        start--;
    const char *label = host + start;
    size_t n = len - start;
    if (n >= 2 && label[0] == '0' && label[1] == 'x')
        return true;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(label[i]))
            return false;
    }
    return n > 0;
}

static bool is_name(const char *host, size_t len)
{
    size_t label = 0;
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
            return false;
        if (++label > LABEL_LEN)
            return false;
    }
    return label > 0;
}

static int read_bracketed(struct slice host, struct webhook_url *url, const char **ret_why)
{
    if (!memchr(host.text, ':', host.len) || address_parse(host.text, host.len, &url->address) < 0)
        return refuse(ret_why, ERR_INVALID, "has a host in brackets that is not an IPv6 address");
    url->is_literal = true;
    address_format(&url->address, url->host);
    return 0;
}

static int read_host(struct slice host, struct webhook_url *url, const char **ret_why)
{
    if (host.len > 0 && host.text[host.len - 1] == '.')
        host.len--;
    if (host.len == 0)
        return refuse(ret_why, ERR_INVALID, "must have a host");
    if (host.len > WEBHOOK_HOST_LEN)
        return refuse(ret_why, ERR_INVALID, "has a host name that is too long");
    for (size_t i = 0; i < host.len; i++)
        url->host[i] = to_lower(host.text[i]);
    url->host[host.len] = '\0';
    if (ends_in_number(url->host, host.len)) {
        if (address_parse(url->host, host.len, &url->address) < 0)
            return refuse(ret_why, ERR_INVALID,
                          "has a host that ends in a number but is not an address like 192.0.2.1");
        url->is_literal = true;
        return 0;
    }
    if (!is_name(url->host, host.len))
        return refuse(ret_why, ERR_INVALID,
                      "has a host name with characters that host names do not have (write others in punycode)");
    return 0;
}

static int read_port(struct slice port, struct webhook_url *url, const char **ret_why)
{
    uint64_t value;
    if (parse_u64(port.text, port.len, PORT_MAX, &value) < 0 || value == 0)
        return refuse(ret_why, ERR_INVALID, "has a port that is not a number from 1 to 65535");
    url->port = (uint16_t)value;
    return 0;
}

/* host[:port], "[v6]" for an IPv6 address. */
static int read_authority(struct slice authority, struct webhook_url *url, const char **ret_why)
{
    if (memchr(authority.text, '@', authority.len))
        return refuse(ret_why, ERR_INVALID, "must not carry a user or a password");
    bool has_bracket = authority.len > 0 && authority.text[0] == '[';
    const char *host_end = memchr(authority.text, has_bracket ? ']' : ':', authority.len);
    if (has_bracket && !host_end)
        return refuse(ret_why, ERR_INVALID, "has an opening bracket without a closing one");

    struct slice host = {authority.text, host_end ? (size_t)(host_end - authority.text) : authority.len};
    int rc;
    if (has_bracket)
        rc = read_bracketed((struct slice){host.text + 1, host.len - 1}, url, ret_why);
    else
        rc = read_host(host, url, ret_why);
    if (rc < 0)
        return rc;

    size_t used = host.len + (has_bracket ? 1 : 0);
    if (used == authority.len)
        return 0;
    if (authority.text[used] != ':')
        return refuse(ret_why, ERR_INVALID, "has text behind its host that is not a port");
    return read_port((struct slice){authority.text + used + 1, authority.len - used - 1}, url, ret_why);
}

static void write_origin(struct webhook_url *url)
{
    bool is_v6 = url->is_literal && strchr(url->host, ':');
    int n = snprintf(url->origin, sizeof url->origin, "%s://%s%s%s", url->is_https ? "https" : "http", is_v6 ? "[" : "",
                     url->host, is_v6 ? "]" : "");
    if (n < 0 || url->port == (url->is_https ? PORT_HTTPS : PORT_HTTP))
        return;
    (void)snprintf(url->origin + n, sizeof url->origin - (size_t)n, ":%u", (unsigned)url->port);
}

int webhook_url_parse(const char *text, size_t len, struct webhook_url *ret_url, const char **ret_why)
{
    struct webhook_url url = {0};
    struct slice rest = {text, len};
    if (len > LIMIT_URL_LEN)
        return refuse(ret_why, ERR_INVALID, "must not be longer than 2048 characters");
    if (!has_plain_characters(text, len))
        return refuse(ret_why, ERR_INVALID,
                      "must not hold spaces, control characters, backslashes or characters outside ASCII");
    url.is_https = takes_scheme(&rest, "https://");
    if (!url.is_https && !takes_scheme(&rest, "http://"))
        return refuse(ret_why, ERR_INVALID, "must be a URL that begins with https://");
    if (memchr(rest.text, '#', rest.len))
        return refuse(ret_why, ERR_INVALID, "must not have a fragment");

    struct slice authority = {rest.text, 0};
    while (authority.len < rest.len && rest.text[authority.len] != '/' && rest.text[authority.len] != '?')
        authority.len++;
    url.port = url.is_https ? PORT_HTTPS : PORT_HTTP;
    int rc = read_authority(authority, &url, ret_why);
    if (rc < 0)
        return rc;
    write_origin(&url);
    *ret_url = url;
    return 0;
}

/* True for `name` itself and everything under it. */
static bool is_under(const char *host, const char *name)
{
    size_t host_len = strlen(host), name_len = strlen(name);
    if (host_len < name_len || strcmp(host + host_len - name_len, name) != 0)
        return false;
    return host_len == name_len || host[host_len - name_len - 1] == '.';
}

static bool is_private_name(const char *host)
{
    return !strchr(host, '.') || is_under(host, "localhost") || is_under(host, "local") || is_under(host, "internal") ||
           is_under(host, "localdomain");
}

int webhook_url_judge(const struct webhook_url *url, const struct cidr_list *allowed, const char **ret_why)
{
    if (url->is_literal) {
        if (webhook_address_is_permitted(&url->address, url->is_https, allowed))
            return 0;
        if (!address_is_public(&url->address))
            return refuse(ret_why, ERR_DENIED, "leads to a private address, which this installation does not permit");
        return refuse(ret_why, ERR_DENIED, "must begin with https://");
    }
    if (allowed && allowed->n > 0)
        return 0;
    if (!url->is_https)
        return refuse(ret_why, ERR_DENIED, "must begin with https://");
    if (is_private_name(url->host))
        return refuse(ret_why, ERR_DENIED, "leads to a private host, which this installation does not permit");
    return 0;
}

bool webhook_address_is_permitted(const struct address *address, bool is_https, const struct cidr_list *allowed)
{
    return cidr_list_contains(allowed, address) || (is_https && address_is_public(address));
}
