/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/transfer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/breakpoint.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/parse.h"

#define RETRY_AFTER_MAX_S INT64_C(86400)
#define DATE_TEXT_MAX 64
#define METHOD_MAX 16
/* Many servers close what was idle for a minute; a connection that lives for ever misses that its name moved. */
#define IDLE_MOST_S 50L
#define CONNECTION_MOST_S 300L
#define RECEIVE_BYTES 4096L
#define SEND_BYTES 16384L /* the least that libcurl takes */
#define AUTHORITIES_KEPT_S 3600L /* then their file is read again */
#define PINNED_MOST 1500 /* host, port, and as many addresses as there may be */

/* ---- libcurl's callbacks ---- */

static bool has_succeeded(const struct http_transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

/* What of so many bytes counts among those of all. */
static size_t beyond_free(size_t len)
{
    return len > LIMIT_HTTP_CLIENT_BYTES_FREE ? len - LIMIT_HTTP_CLIENT_BYTES_FREE : 0;
}

/* How many of the next `len` bytes of the body are kept. */
static size_t room_for(const struct http_transfer *t, size_t len)
{
    size_t had = buf_len(&t->body), room = t->body.max - had, left = LIMIT_HTTP_CLIENT_BYTES_HELD - *t->held;
    if (len > room)
        len = room;
    size_t over = beyond_free(had + len) - beyond_free(had);
    return over > left ? len - (over - left) : len;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct http_transfer *t = arg;
    size_t len = size * count;
    if (t->data_fn != NULL && has_succeeded(t))
        return t->data_fn(data, len, t->data_arg) ? len : 0;
    size_t taken = room_for(t, len), had = buf_len(&t->body);
    if (taken > 0 && buf_append(&t->body, data, taken) < 0)
        return 0;
    *t->held += beyond_free(had + taken) - beyond_free(had);
    t->is_body_cut = taken < len;
    return taken; /* less than all ends the transfer: the rest is not wanted */
}

static int64_t clamp_retry_after_ms(int64_t seconds)
{
    if (seconds < 0)
        return 0;
    return (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

/* Without the white space around it. */
static void trim(const char **text, size_t *len)
{
    while (*len > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL)
        (*len)--;
}

/* An HTTP date (RFC 9110 section 5.6.7) in Unix seconds; -1 where it is none. */
static int64_t parse_date_s(const char *text, size_t len)
{
    char copy[DATE_TEXT_MAX + 1];
    if (len == 0 || len > DATE_TEXT_MAX)
        return -1;
    memcpy(copy, text, len);
    copy[len] = '\0';
    bool begins_with_weekday = (copy[0] | 0x20) >= 'a' && (copy[0] | 0x20) <= 'z';
    return begins_with_weekday ? (int64_t)curl_getdate(copy, NULL) : -1;
}

/* RFC 9110 section 10.2.3: seconds, or an HTTP date. */
static void take_retry_after(struct http_transfer *t, const char *text, size_t len)
{
    uint64_t seconds;
    t->retry_after_ms = t->retry_date_s = -1;
    trim(&text, &len);
    if (len == 0 || len > DATE_TEXT_MAX)
        return;
    int err = parse_u64(text, len, RETRY_AFTER_MAX_S, &seconds);
    if (err == 0 || err == ERR_RANGE)
        t->retry_after_ms = clamp_retry_after_ms(err == 0 ? (int64_t)seconds : RETRY_AFTER_MAX_S);
    else
        t->retry_date_s = parse_date_s(text, len);
}

/* A date is one of the server's clock: what it says of now tells how far off that is, whichever clock is wrong. */
static int64_t retry_after_of(const struct http_transfer *t)
{
    if (t->retry_date_s < 0)
        return t->retry_after_ms;
    int64_t ahead_ms = t->date_ahead_ms == HTTP_NO_DATE ? 0 : t->date_ahead_ms;
    return clamp_retry_after_ms(t->retry_date_s - (clock_wall_ms() + ahead_ms) / 1000);
}

static int64_t parse_date_ahead_ms(const char *text, size_t len)
{
    trim(&text, &len);
    int64_t date_s = parse_date_s(text, len);
    return date_s < 0 ? HTTP_NO_DATE : date_s * 1000 - clock_wall_ms();
}

/* The value behind `name`, which ends with its colon; NULL where the line is another header. */
static const char *value_of(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    return len >= name_len && strncasecmp(line, name, name_len) == 0 ? line + name_len : NULL;
}

static bool is_true(const char *text, size_t len)
{
    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    return len >= 4 && strncasecmp(text, "true", 4) == 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_transfer *t = arg;
    size_t len = size * count;
    t->header_bytes += len;
    if (t->header_bytes > LIMIT_HTTP_CLIENT_HEADER_BYTES) {
        t->has_large_headers = true;
        return 0;
    }
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
        t->retry_after_ms = t->retry_date_s = -1; /* what came before belonged to an interim answer */
        t->date_ahead_ms = HTTP_NO_DATE;
        t->is_replay = false;
    }
    const char *date = value_of(data, len, "Date:");
    const char *retry_after = value_of(data, len, "Retry-After:");
    const char *replayed = value_of(data, len, "Idempotency-Replayed:");
    if (retry_after)
        take_retry_after(t, retry_after, len - (size_t)(retry_after - data));
    if (date)
        t->date_ahead_ms = parse_date_ahead_ms(date, len - (size_t)(date - data));
    if (replayed)
        t->is_replay = is_true(replayed, len - (size_t)(replayed - data));
    return len;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_transfer *t = arg;
    (void)purpose;
    if (t->address_fn != NULL && !t->address_fn(&address->addr, t->address_arg)) {
        t->is_address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

/* The connection stands, and nothing of the request has left. A process that was stopped on the way here does not know
 * it: what counts is the clock, as late as it can be looked at. */
static int on_connected(void *arg, char *to, char *from, int to_port, int from_port)
{
    const struct http_transfer *t = arg;
    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    breakpoint_reach("http", "connected");
    bool is_late = t->leave_by_us != 0 && clock_mono_us() > t->leave_by_us;
    return is_late ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- what is asked ---- */

#define SET(option, value) (curl_easy_setopt(t->easy, (option), (value)) == CURLE_OK)

static bool set_policy(struct http_transfer *t, const struct http_outgoing *out)
{
    long connect_ms = (long)(out->connect_timeout_ms > 0 ? out->connect_timeout_ms : HTTP_CONNECT_MS);
    long is_once = (out->flags & HTTP_ONCE) != 0 ? 1 : 0;
    bool ok = SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
              SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    /* Without TLS nothing would ever tell a request that waits to share a connection that it cannot. */
    long is_shared = t->is_shared ? 1 : 0;
    long version = is_shared ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1;
    ok = ok && SET(CURLOPT_HTTP_VERSION, version) && SET(CURLOPT_PIPEWAIT, is_shared) && SET(CURLOPT_TCP_NODELAY, 1L) &&
         SET(CURLOPT_FRESH_CONNECT, is_once) && SET(CURLOPT_FORBID_REUSE, is_once) &&
         SET(CURLOPT_MAXAGE_CONN, IDLE_MOST_S) && SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_MOST_S);
    ok = ok && SET(CURLOPT_TIMEOUT_MS, (long)out->timeout_ms) && SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    ok = ok && SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
         SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* Without this the loop would wait for a name lookup that nobody wants any more. */
    ok = ok && SET(CURLOPT_QUICK_EXIT, 1L);
    /* The system's authorities lie in a file and, the same ones, in a directory. Without the directory libcurl reads
     * the file once for all connections; with it, both anew for each, which takes 30 ms. */
    ok = ok && SET(CURLOPT_CAPATH, (char *)NULL) && SET(CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_KEPT_S);
    if (out->ca_file != NULL)
        ok = ok && SET(CURLOPT_CAINFO, out->ca_file);
    return ok;
}

/* libcurl takes 16 KiB for what it receives and, over TLS, 64 KiB for what it sends, from the beginning of each
 * transfer to its end: with a thousand under way that is most of a process's memory. */
static bool set_buffers(struct http_transfer *t, const struct http_outgoing *out)
{
    bool is_bulk = out->body_file != NULL || out->data_fn != NULL;
    return is_bulk || (SET(CURLOPT_BUFFERSIZE, RECEIVE_BYTES) && SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES));
}

static bool set_callbacks(struct http_transfer *t, CURLSH *share)
{
    return SET(CURLOPT_PRIVATE, t) && SET(CURLOPT_SHARE, share) && SET(CURLOPT_ERRORBUFFER, t->error) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, t) && SET(CURLOPT_HEADERFUNCTION, on_header) &&
           SET(CURLOPT_HEADERDATA, t) && SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket) &&
           SET(CURLOPT_OPENSOCKETDATA, t) && SET(CURLOPT_PREREQFUNCTION, on_connected) && SET(CURLOPT_PREREQDATA, t);
}

static bool set_request(struct http_transfer *t, const struct http_outgoing *out)
{
    bool ok = SET(CURLOPT_URL, out->url) && SET(CURLOPT_HTTPHEADER, t->headers);
    if (t->pinned != NULL)
        ok = ok && SET(CURLOPT_RESOLVE, t->pinned);
    if (out->sigv4 != NULL)
        ok = ok && SET(CURLOPT_AWS_SIGV4, out->sigv4->scope) && SET(CURLOPT_USERPWD, out->sigv4->credentials);
    if (out->body_file != NULL)
        return ok && SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READDATA, out->body_file) &&
               SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)out->body_file_len);
    bool is_post = strcmp(out->method, "POST") == 0;
    if (strcmp(out->method, "HEAD") == 0)
        return ok && SET(CURLOPT_NOBODY, 1L);
    if (is_post || out->body_len > 0)
        ok = ok && SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)out->body_len) &&
             SET(CURLOPT_COPYPOSTFIELDS, out->body_len > 0 ? out->body : "");
    if (!is_post)
        ok = ok && SET(CURLOPT_CUSTOMREQUEST, out->method);
    return ok;
}

#undef SET

static int append_header(struct http_transfer *t, const char *line)
{
    struct curl_slist *grown = curl_slist_append(t->headers, line);
    if (grown == NULL)
        return ERR_NOMEM;
    t->headers = grown;
    return 0;
}

/* RFC 9110: a name is a token, a value has no control characters but the tab. */
static bool header_is_sound(const struct http_header *h)
{
    if (h->name[0] == '\0')
        return false;
    for (const char *c = h->name; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", *c) != NULL)
            return false;
    }
    for (const char *c = h->value; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static int add_headers(struct http_transfer *t, const struct http_outgoing *out)
{
    struct buf line;
    bool has_type = false;
    int err = 0;
    buf_init(&line, LIMIT_HTTP_HEADER_BYTES);
    for (size_t i = 0; err == 0 && i < out->n_headers; i++) {
        const struct http_header *h = &out->headers[i];
        if (!header_is_sound(h)) {
            err = ERR_INVALID;
            break;
        }
        has_type = has_type || strcasecmp(h->name, "Content-Type") == 0;
        buf_clear(&line);
        /* To libcurl "Name:" means to leave it out, "Name;" to send it without a value. */
        err = h->value[0] != '\0' ? buf_printf(&line, "%s: %s", h->name, h->value) : buf_printf(&line, "%s;", h->name);
        if (err == 0)
            err = append_header(t, buf_str(&line));
    }
    buf_free(&line);
    /* libcurl would sign what is left out. */
    if (err == 0 && out->sigv4 == NULL)
        err = append_header(t, "Expect:"); /* no waiting for a 100, no second try after a 417 */
    if (err == 0 && out->sigv4 == NULL && !has_type)
        err = append_header(t, "Content-Type:"); /* not the form's that libcurl adds */
    return err;
}

static int add_address(struct buf *line, const union resolver_address *address, bool is_first)
{
    char text[INET6_ADDRSTRLEN];
    bool is_v6 = address->any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr;
    if (inet_ntop(address->any.sa_family, bytes, text, sizeof text) == NULL)
        return ERR_INVALID;
    return buf_printf(line, is_v6 ? "%s[%s]" : "%s%s", is_first ? "" : ",", text);
}

/* "+host:port:address,address": '+' lets it grow old like an answer of the DNS. */
static int add_pinned(struct http_transfer *t, const struct http_pin *pin, const char *root)
{
    struct buf line;
    struct curl_slist *grown = NULL;
    buf_init(&line, PINNED_MOST);
    int err = buf_printf(&line, "+%s%s:%u:", pin->host, root, pin->port);
    for (size_t i = 0; err == 0 && i < pin->n_addresses; i++)
        err = add_address(&line, &pin->addresses[i], i == 0);
    if (err == 0) {
        grown = curl_slist_append(t->pinned, buf_str(&line));
        err = grown != NULL ? 0 : ERR_NOMEM;
    }
    if (grown != NULL)
        t->pinned = grown;
    buf_free(&line);
    return err;
}

/* Where the URL spells the name with the root's dot, it is another to libcurl, which would ask the system for it. */
static int add_pin(struct http_transfer *t, const struct http_pin *pin)
{
    int err = add_pinned(t, pin, "");
    return err == 0 ? add_pinned(t, pin, ".") : err;
}

static bool method_is_sound(const char *method)
{
    size_t len = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return len > 0 && len <= METHOD_MAX && method[len] == '\0';
}

int transfer_create(const struct http_outgoing *out, CURLSH *share, size_t *held, struct http_transfer **ret_transfer)
{
    if (!method_is_sound(out->method) || out->timeout_ms <= 0 ||
        (out->body_file != NULL && strcmp(out->method, "PUT") != 0))
        return ERR_INVALID;
    struct http_transfer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_NOMEM;
    buf_init(&t->body, out->max_body_bytes);
    t->held = held;
    t->data_fn = out->data_fn;
    t->data_arg = out->data_arg;
    t->address_fn = out->address_fn;
    t->address_arg = out->address_arg;
    t->retry_after_ms = t->retry_date_s = -1;
    t->date_ahead_ms = HTTP_NO_DATE;
    t->is_shared = (out->flags & HTTP_SHARED) != 0 && strncasecmp(out->url, "https:", 6) == 0;
    t->leave_by_us = out->leave_by_us;
    t->deadline_us = clock_mono_us() + out->timeout_ms * 1000;
    t->easy = curl_easy_init();
    int err = t->easy != NULL ? add_headers(t, out) : ERR_NOMEM;
    if (err == 0 && out->pin != NULL)
        err = add_pin(t, out->pin);
    if (err == 0 && !(set_policy(t, out) && set_buffers(t, out) && set_callbacks(t, share) && set_request(t, out)))
        err = ERR_NOMEM;
    if (err < 0) {
        transfer_free(t);
        return err;
    }
    *ret_transfer = t;
    return 0;
}

void transfer_free(struct http_transfer *t)
{
    if (t == NULL)
        return;
    if (t->easy != NULL)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->pinned);
    *t->held -= beyond_free(buf_len(&t->body));
    buf_free(&t->body);
    free(t);
}

/* ---- what came of it ---- */

static enum http_fail fail_of(CURLcode code)
{
    /* CURLcode has over a hundred values: what is not named is ours, or cannot happen with HTTP. */
    static const struct {
        CURLcode code;
        enum http_fail fail;
    } fails[] = {
        {CURLE_OK, HTTP_FAIL_NONE},
        {CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAIL_URL},
        {CURLE_URL_MALFORMAT, HTTP_FAIL_URL},
        {CURLE_COULDNT_RESOLVE_HOST, HTTP_FAIL_RESOLVE},
        {CURLE_COULDNT_CONNECT, HTTP_FAIL_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, HTTP_FAIL_TIMEOUT},
        {CURLE_SSL_CONNECT_ERROR, HTTP_FAIL_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, HTTP_FAIL_TLS},
        {CURLE_SSL_CIPHER, HTTP_FAIL_TLS},
        {CURLE_SSL_CACERT_BADFILE, HTTP_FAIL_TLS},
        {CURLE_SSL_ISSUER_ERROR, HTTP_FAIL_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, HTTP_FAIL_TLS},
        {CURLE_SEND_ERROR, HTTP_FAIL_RESET},
        {CURLE_RECV_ERROR, HTTP_FAIL_RESET},
        {CURLE_GOT_NOTHING, HTTP_FAIL_RESET},
        {CURLE_PARTIAL_FILE, HTTP_FAIL_RESET},
        {CURLE_HTTP2, HTTP_FAIL_PROTOCOL},
        {CURLE_HTTP2_STREAM, HTTP_FAIL_RESET},
        {CURLE_WEIRD_SERVER_REPLY, HTTP_FAIL_PROTOCOL},
        {CURLE_BAD_CONTENT_ENCODING, HTTP_FAIL_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof fails / sizeof fails[0]; i++) {
        if (fails[i].code == code)
            return fails[i].fail;
    }
    return HTTP_FAIL_LOCAL;
}

/* libcurl notes the time of pretransfer right after it first handed bytes of the request to the socket, and counts
 * them; both also survive its own second try. Only a failure within that first handing over is in doubt. */
static bool was_sent(const struct http_transfer *t, CURLcode code)
{
    curl_off_t pretransfer_us = 0;
    long request_bytes = 0;
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    return pretransfer_us > 0 || request_bytes > 0 || code == CURLE_SEND_ERROR;
}

static enum http_fail transfer_fail(const struct http_transfer *t, CURLcode code, bool is_sent)
{
    if (code == CURLE_WRITE_ERROR && t->is_body_cut)
        return HTTP_FAIL_NONE; /* the answer stands, the rest of its body was not wanted */
    if (code == CURLE_WRITE_ERROR && t->has_large_headers)
        return HTTP_FAIL_PROTOCOL;
    /* A header that is too long for libcurl is told as our lack of memory; once an answer has begun, it is its
     * sender's. */
    if (code == CURLE_OUT_OF_MEMORY && t->header_bytes > 0)
        return HTTP_FAIL_PROTOCOL;
    if (code == CURLE_COULDNT_CONNECT && t->is_address_refused)
        return HTTP_FAIL_ADDRESS;
    if (code == CURLE_UNSUPPORTED_PROTOCOL && is_sent)
        return HTTP_FAIL_PROTOCOL; /* the answer was not HTTP/1 */
    return fail_of(code);
}

static int64_t instant_us(const struct http_transfer *t, CURLINFO info)
{
    curl_off_t us = 0;
    curl_easy_getinfo(t->easy, info, &us);
    return us;
}

static int version_of(const struct http_transfer *t)
{
    long version = CURL_HTTP_VERSION_NONE;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_1_0   ? 10
           : version == CURL_HTTP_VERSION_1_1 ? 11
           : version == CURL_HTTP_VERSION_2_0 ? 20
                                              : 0;
}

bool transfer_begin_again(struct http_transfer *t, CURLcode code)
{
    long connects = 0;
    bool is_lost =
        code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    int64_t left_ms = (t->deadline_us - clock_mono_us()) / 1000;
    if (!t->is_shared || t->is_sent_again || !is_lost || connects > 0 || t->header_bytes > 0 || left_ms <= 0)
        return false;
    t->is_sent_again = true;
    t->error[0] = '\0';
    return curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK;
}

struct http_result transfer_conclude(const struct http_transfer *t, CURLcode code)
{
    long status = 0;
    long connects = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    bool is_sent = was_sent(t, code);
    enum http_fail fail = transfer_fail(t, code, is_sent);
    const char *detail = t->error[0] != '\0' ? t->error : curl_easy_strerror(code);
    if (fail == HTTP_FAIL_ADDRESS)
        detail = "address not permitted";
    if (t->has_large_headers)
        detail = "headers too large";
    return (struct http_result){
        .fail = fail,
        .was_sent = is_sent,
        .status = (int)status,
        .body = buf_str(&t->body),
        .body_len = buf_len(&t->body),
        .body_cut = t->is_body_cut,
        .retry_after_ms = retry_after_of(t),
        .date_ahead_ms = t->date_ahead_ms,
        .is_replay = t->is_replay,
        .connect_us = connects > 0 ? instant_us(t, CURLINFO_CONNECT_TIME_T) : 0,
        .tls_us = connects > 0 ? instant_us(t, CURLINFO_APPCONNECT_TIME_T) : 0,
        .first_byte_us = instant_us(t, CURLINFO_STARTTRANSFER_TIME_T),
        .total_us = instant_us(t, CURLINFO_TOTAL_TIME_T),
        .http_version = version_of(t),
        .connection_reused = is_sent && connects == 0,
        .detail = fail != HTTP_FAIL_NONE ? detail : NULL,
    };
}
