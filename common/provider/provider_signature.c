/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/parse.h"
#include "common/provider/provider_format.h"

/* How far a Retell signature's time may lie from ours, either way (retell-sdk 5.66.1, lib/webhook_auth). */
#define RETELL_WINDOW_MS INT64_C(300000)
/* Digits of a Unix time in ms until the year 33658. */
#define RETELL_TIME_DIGITS_MAX 15

/* The base64 of an HMAC-SHA1. */
#define SHA1_TEXT_LEN ENCODE_BASE64_LEN(DIGEST_SHA1_LEN)

/* One callback whose signature is to be verified; all borrowed. */
struct signed_callback {
    const struct profile_callback *rules;
    const struct provider_trunk *trunk;
    const struct provider_callback *callback;
    const char *signature; /* the header's value */
    int64_t now_ms;
};

/* ERR_AUTH unless the signature fits the callback. */
typedef int (*verify_fn)(const struct signed_callback *c);

/* ---- retell ---- */

/* "v=<Unix ms>,d=<hex>": HMAC-SHA256 with the API key over the raw body followed by the digits of the time. */
static int verify_retell(const struct signed_callback *c)
{
    const struct provider_callback *callback = c->callback;
    uint8_t expected[DIGEST_SHA256_LEN];
    uint8_t received[DIGEST_SHA256_LEN];
    size_t received_len;
    int64_t signed_ms;
    if (strncmp(c->signature, "v=", 2) != 0)
        return ERR_AUTH;
    const char *digits = c->signature + 2;
    size_t n_digits = strspn(digits, "0123456789");
    const char *digest = digits + n_digits;
    if (n_digits > RETELL_TIME_DIGITS_MAX || strncmp(digest, ",d=", 3) != 0 ||
        parse_i64(digits, n_digits, 0, INT64_MAX, &signed_ms) != 0)
        return ERR_AUTH;
    digest += 3;
    if (decode_hex(digest, strlen(digest), received, sizeof received, &received_len) != 0)
        return ERR_AUTH;
    if (signed_ms - c->now_ms > RETELL_WINDOW_MS || c->now_ms - signed_ms > RETELL_WINDOW_MS)
        return ERR_AUTH;

    size_t text_len = callback->body_len + n_digits;
    char *text = malloc(text_len + 1);
    if (text == NULL)
        return ERR_NOMEM;
    memcpy(text, callback->body, callback->body_len);
    memcpy(text + callback->body_len, digits, n_digits);
    int rc = digest_hmac_sha256(c->trunk->credential, c->trunk->credential_len, text, text_len, expected);
    free(text);
    if (rc != 0)
        return rc;
    return digest_equal(expected, sizeof expected, received, received_len) ? 0 : ERR_AUTH;
}

/* ---- twilio ---- */

/* The names and values of the form, sorted by name and joined without anything between them. */
static int append_sorted(const cJSON *form, struct buf *out)
{
    const cJSON *fields[LIMIT_FORM_FIELDS];
    size_t n = 0;
    for (const cJSON *field = form->child; field != NULL && n < LIMIT_FORM_FIELDS; field = field->next) {
        size_t at = n++;
        for (; at > 0 && strcmp(fields[at - 1]->string, field->string) > 0; at--)
            fields[at] = fields[at - 1];
        fields[at] = field;
    }
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = buf_append(out, fields[i]->string, strlen(fields[i]->string));
        if (rc == 0)
            rc = buf_append(out, fields[i]->valuestring, strlen(fields[i]->valuestring));
    }
    return rc;
}

/* The parts of an absolute URL: "https", "://host", ":8443", "/path?query". False where it is none. */
struct url_parts {
    size_t scheme_len;
    size_t host_end;
    size_t port_end;
};

static bool split_url(const char *url, struct url_parts *ret_parts)
{
    const char *host = strstr(url, "://");
    if (host == NULL)
        return false;
    host += 3;
    const char *rest = host + strcspn(host, "/?#");
    const char *bracket = memchr(host, ']', (size_t)(rest - host));
    const char *after = bracket ? bracket : host;
    const char *port = memchr(after, ':', (size_t)(rest - after));
    ret_parts->scheme_len = (size_t)(host - 3 - url);
    ret_parts->host_end = (size_t)((port ? port : rest) - url);
    ret_parts->port_end = (size_t)(rest - url);
    return true;
}

/* The URL as the platform may have written it when it signed: with or without its port, or with the scheme's own. */
enum port_form { PORT_AS_IT_IS, PORT_LEFT_OUT, PORT_OF_SCHEME, PORT_FORMS };

static int append_url(const char *url, enum port_form form, struct buf *out)
{
    struct url_parts parts;
    if (form == PORT_AS_IT_IS || !split_url(url, &parts))
        return buf_append(out, url, strlen(url));
    int rc = buf_append(out, url, parts.host_end);
    if (rc == 0 && form == PORT_OF_SCHEME)
        rc = buf_printf(out, ":%s", parts.scheme_len == 5 ? "443" : "80");
    return rc != 0 ? rc : buf_append(out, url + parts.port_end, strlen(url + parts.port_end));
}

/* Whether the signature is that of one way to write the URL. */
static int verify_url(const struct signed_callback *c, const struct buf *fields, enum port_form form,
                      const char *suffix, bool *ret_fits)
{
    struct buf text;
    uint8_t digest[DIGEST_SHA1_LEN];
    char expected[SHA1_TEXT_LEN + 1];
    buf_init(&text, LIMIT_URL_LEN + LIMIT_CALLBACK_BODY_BYTES);
    int rc = append_url(c->callback->url, form, &text);
    if (rc == 0)
        rc = buf_append(&text, suffix, strlen(suffix));
    if (rc == 0)
        rc = buf_append(&text, buf_str(fields), buf_len(fields));
    if (rc == 0)
        rc = digest_hmac_sha1(c->trunk->credential, c->trunk->credential_len, buf_str(&text), buf_len(&text), digest);
    if (rc == 0) {
        encode_base64(digest, sizeof digest, expected);
        *ret_fits = digest_equal(expected, strlen(expected), c->signature, strlen(c->signature));
    }
    buf_free(&text);
    return rc;
}

/* Base64 of HMAC-SHA1 with the auth token over the URL that the platform was given, followed by the form's fields
 * sorted by name (twilio 6.2.0, lib/webhooks). The platform has signed with and without a port in the course of time,
 * so every form is tried, as its own library does. */
static int verify_twilio(const struct signed_callback *c)
{
    cJSON *form = NULL;
    struct buf fields;
    bool fits = false;
    buf_init(&fields, LIMIT_CALLBACK_BODY_BYTES);
    int rc = provider_parse_body(true, c->callback->body, c->callback->body_len, &form);
    if (rc == 0)
        rc = append_sorted(form, &fields);
    const cJSON *suffixes = c->rules->signature_suffixes;
    for (int port = 0; rc == 0 && !fits && port < PORT_FORMS; port++) {
        rc = verify_url(c, &fields, (enum port_form)port, "", &fits);
        const cJSON *suffix = suffixes ? suffixes->child : NULL;
        for (; suffix != NULL && rc == 0 && !fits; suffix = suffix->next)
            rc = verify_url(c, &fields, (enum port_form)port, suffix->valuestring, &fits);
    }
    cJSON_Delete(form);
    buf_free(&fields);
    if (rc != 0)
        return rc == ERR_NOMEM ? ERR_NOMEM : ERR_AUTH;
    return fits ? 0 : ERR_AUTH;
}

static const struct {
    const char *kind;
    verify_fn verify;
} kinds[] = {
    {"retell", verify_retell},
    {"twilio", verify_twilio},
};

static verify_fn find_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].verify;
    }
    return NULL;
}

bool signature_kind_exists(const char *kind)
{
    return find_kind(kind) != NULL;
}

int provider_verify_callback(const struct provider_profile *profile, const struct provider_trunk *trunk,
                             const struct provider_callback *callback, int64_t now_ms)
{
    const struct profile_callback *rules = &profile->callback;
    if (!provider_profile_signs_callbacks(profile) || trunk->credential == NULL || trunk->credential_len == 0)
        return ERR_AUTH;
    const char *signature = callback->header_fn(rules->signature_header, callback->header_arg);
    if (signature == NULL)
        return ERR_AUTH;
    const struct signed_callback signed_callback = {
        .rules = rules,
        .trunk = trunk,
        .callback = callback,
        .signature = signature,
        .now_ms = now_ms,
    };
    return find_kind(rules->signature_kind)(&signed_callback);
}
