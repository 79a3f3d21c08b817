/* SPDX-License-Identifier: Apache-2.0
 *
 * What a browser, or whoever plays one, sends beside a request: cookies, the value of a session, entity tags,
 * encodings. The first byte chooses the reader, the rest is the header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "producer/content_coding.h"
#include "producer/dashboard_session.h"
#include "producer/etag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1794470461480)
#define TAG "W/\"0a1b\""

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static const struct seal_keys *keys(void)
{
    static struct seal_keys *made;
    static const uint8_t key[32] = {7};
    if (!made)
        demand(seal_keys_create(key, &made) == 0);
    return made;
}

/* Whatever opens was sealed here, so it holds on. */
static void open_session(const char *value, size_t len)
{
    struct dashboard_session session;
    int err = dashboard_session_open(keys(), value, len, NOW_MS, &session);
    demand(err ? err == ERR_AUTH : session.until_ms > NOW_MS);
}

static void read_cookies(const char *text)
{
    size_t len = 0;
    const char *value = dashboard_session_find(text, &len);
    if (!value)
        return;
    demand(value > text && len > 0 && len <= strlen(value) && !memchr(value, ';', len));
    open_session(value, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    demand(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        read_cookies(text);
        break;
    case 1:
        open_session(text, strlen(text));
        break;
    case 2:
        demand(!etag_is_known(text, TAG) || strchr(text, '*') || strstr(text, &TAG[2]));
        demand(!etag_is_named(text, 7) || strchr(text, '*') || strstr(text, "\"7\""));
        break;
    default:
        demand(!content_coding_takes_gzip(text) || strcasestr(text, "gzip"));
        break;
    }
    free(text);
    return 0;
}
