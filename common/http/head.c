/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/head.h"

#include <string.h>
#include <strings.h>

#include "common/base/limits.h"

/* The headers that decide how a request is read. */
struct head {
    unsigned lengths;
    unsigned encodings;
    bool is_chunked;
    unsigned hosts;
    unsigned authorizations;
    unsigned content_types;
    bool is_malformed;
    bool expects_continue;
    unsigned expectations;
};

/* A token (RFC 9110 section 5.6.2): "Content-Length " with its space is another header to us and none to a proxy. */
static bool is_token(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if (name[0] == '\0')
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        bool is_alnum = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (!is_alnum && strchr(marks, *c) == NULL)
            return false;
    }
    return true;
}

/* RFC 9110 section 5.5: no control characters but the tab. */
static bool is_field_value(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        if ((*c < 0x20 && *c != '\t') || *c == 0x7F)
            return false;
    }
    return true;
}

static enum MHD_Result look_at(void *arg, enum MHD_ValueKind kind, const char *name, const char *given)
{
    (void)kind;
    struct head *h = arg;
    const char *value = given != NULL ? given : "";
    if (!is_token(name) || !is_field_value(value))
        h->is_malformed = true;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0)
        h->lengths++;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        h->encodings++;
        h->is_chunked = strcasecmp(value, "chunked") == 0;
    }
    if (strcasecmp(name, MHD_HTTP_HEADER_EXPECT) == 0) {
        h->expectations++;
        h->expects_continue = strcasecmp(value, "100-continue") == 0;
    }
    h->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    h->authorizations += strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0;
    h->content_types += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_TYPE) == 0;
    return MHD_YES;
}

static size_t header_bytes(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

struct head_target head_read_target(const char *target)
{
    struct head_target t = {.len = 0, .is_malformed = false};
    for (; target[t.len] != '\0'; t.len++) {
        unsigned char c = (unsigned char)target[t.len];
        if (c <= 0x20 || c == 0x7F)
            t.is_malformed = true;
    }
    return t;
}

struct head_verdict head_judge(struct MHD_Connection *mhd, const char *version, const struct head_target *target)
{
    struct head h = {0};
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, look_at, &h);
    bool is_old = strcmp(version, MHD_HTTP_VERSION_1_1) < 0;
    if (h.is_malformed)
        return (struct head_verdict){MHD_HTTP_BAD_REQUEST, "malformed header", true};
    /* HTTP/1.0 knows no transfer codings: RFC 9112 section 6.1. */
    if (h.lengths + h.encodings > 1 || (h.encodings > 0 && is_old))
        return (struct head_verdict){MHD_HTTP_BAD_REQUEST, "ambiguous length", true};
    if (h.encodings > 0 && !h.is_chunked)
        return (struct head_verdict){MHD_HTTP_NOT_IMPLEMENTED, "the only transfer coding is chunked", true};
    if (h.hosts > 1 || (h.hosts == 0 && !is_old))
        return (struct head_verdict){MHD_HTTP_BAD_REQUEST, "one Host header is wanted", false};
    if (h.authorizations > 1 || h.content_types > 1)
        return (struct head_verdict){MHD_HTTP_BAD_REQUEST, "a header that may stand once was given twice", false};
    if (target->len > LIMIT_HTTP_TARGET_BYTES)
        return (struct head_verdict){MHD_HTTP_URI_TOO_LONG, "the request target is too long", false};
    if (target->is_malformed)
        return (struct head_verdict){MHD_HTTP_BAD_REQUEST, "malformed request target", false};
    if (header_bytes(mhd) > LIMIT_HTTP_HEADER_BYTES)
        return (struct head_verdict){MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too large", false};
    if (h.expectations > 0 && (h.expectations > 1 || !h.expects_continue))
        return (struct head_verdict){MHD_HTTP_EXPECTATION_FAILED, "the only expectation met is 100-continue", false};
    return (struct head_verdict){0, "", false};
}
