/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTPS: nothing is said to a server that cannot prove its name. The server is OpenSSL between two memory BIOs, on the
 * raw listener of the rig.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/http/client.h"
#include "tests/support/client_rig.h"

#include "tests/support/certificates.h" /* behind cmocka.h */

#define ONE_HOUR_S CERTIFICATE_HOUR_S

/* One connection's end of TLS. */
struct tls_end {
    SSL *ssl;
    BIO *in;
    BIO *out;
};

struct tls_rig {
    struct client_rig base;
    SSL_CTX *ctx;
    struct tls_end ends[LISTENER_PEERS];
    size_t heard; /* bytes of application data, over all connections */
    bool is_resumed;
    char ca_file[64];
};

/* A certificate that signs itself. */
static X509 *make_certificate(EVP_PKEY *key, const char *alt_name, long from_s, long to_s)
{
    X509 *cert = certificate_make(key, "a test", from_s, to_s);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
    certificate_extend(cert, NID_basic_constraints, "critical,CA:TRUE");
    certificate_extend(cert, NID_subject_alt_name, alt_name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static void serve_with(struct tls_rig *r, const char *alt_name, long from_s, long to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *cert = make_certificate(key, alt_name, from_s, to_s);
    r->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(r->ctx);
    assert_int_equal(SSL_CTX_use_certificate(r->ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(r->ctx, key), 1);
    snprintf(r->ca_file, sizeof r->ca_file, "/tmp/test_http_client_tls.XXXXXX");
    int fd = mkstemp(r->ca_file);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct tls_end *end_of(struct tls_rig *r, struct peer *p)
{
    struct tls_end *end = &r->ends[p - r->base.listener.peers];
    if (end->ssl != NULL)
        return end;
    end->ssl = SSL_new(r->ctx);
    end->in = BIO_new(BIO_s_mem());
    end->out = BIO_new(BIO_s_mem());
    assert_non_null(end->ssl);
    assert_true(end->in != NULL && end->out != NULL);
    SSL_set_bio(end->ssl, end->in, end->out);
    SSL_set_accept_state(end->ssl);
    return end;
}

static void answer_in_tls(struct peer *p, void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct tls_rig *r = arg;
    struct tls_end *end = end_of(r, p);
    char text[4096];
    if (buf_len(&p->in) > 0)
        assert_int_equal(BIO_write(end->in, buf_str(&p->in), (int)buf_len(&p->in)), buf_len(&p->in));
    buf_clear(&p->in);
    int n = SSL_read(end->ssl, text, sizeof text);
    if (n > 0) {
        r->heard += (size_t)n;
        r->is_resumed = SSL_session_reused(end->ssl) == 1;
        assert_int_equal(SSL_write(end->ssl, answer, (int)sizeof answer - 1), sizeof answer - 1);
    }
    while ((n = BIO_read(end->out, text, sizeof text)) > 0)
        peer_send_mem(p, text, (size_t)n);
}

static int setup(void **state)
{
    struct tls_rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    client_rig_open(&r->base);
    r->base.listener.on_input = answer_in_tls;
    r->base.listener.arg = r;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct tls_rig *r = *state;
    client_rig_close(&r->base);
    for (size_t i = 0; i < LISTENER_PEERS; i++)
        SSL_free(r->ends[i].ssl); /* and its BIOs */
    SSL_CTX_free(r->ctx);
    unlink(r->ca_file);
    free(r);
    return 0;
}

static struct outcome *dial_in_tls(struct tls_rig *r, const char *ca_file)
{
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", r->base.listener.port);
    struct http_outgoing out = request_to("POST", url);
    out.body = "{}";
    out.body_len = 2;
    out.flags = HTTP_ONCE;
    out.ca_file = ca_file;
    return exchange(&r->base, &out);
}

static void assert_nothing_said(const struct tls_rig *r, const struct outcome *o)
{
    assert_int_equal(o->result.fail, HTTP_FAIL_TLS);
    assert_false(o->result.was_sent);
    assert_true(o->detail[0] != '\0');
    assert_int_equal(r->heard, 0);
}

static void test_a_certificate_of_a_known_authority_is_trusted(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    const struct outcome *o = dial_in_tls(r, r->ca_file);
    assert_int_equal(o->result.fail, HTTP_FAIL_NONE);
    assert_int_equal(o->result.status, 200);
    assert_string_equal(o->body, "ok");
    assert_true(r->heard > 0);
}

static void test_a_fresh_connection_resumes_the_tls_session(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    assert_int_equal(dial_in_tls(r, r->ca_file)->result.status, 200);
    assert_false(r->is_resumed);
    assert_int_equal(dial_in_tls(r, r->ca_file)->result.status, 200);
    assert_true(r->is_resumed);
    assert_int_equal(r->base.listener.n_peers, 2);
}

static void test_an_unknown_authority_is_told_nothing(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    assert_nothing_said(r, dial_in_tls(r, NULL));
}

/* Bytes that this process has read so far, from files and sockets. */
static int64_t bytes_read(void)
{
    int64_t bytes;
    char line[64];
    FILE *io = fopen("/proc/self/io", "r");
    assert_non_null(io);
    assert_non_null(fgets(line, sizeof line, io));
    fclose(io);
    assert_int_equal(strncmp(line, "rchar: ", 7), 0);
    assert_int_equal(parse_i64(line + 7, strcspn(line + 7, "\n"), 0, INT64_MAX, &bytes), 0);
    return bytes;
}

static void test_the_authorities_of_the_system_are_read_once_for_all_connections(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    int64_t before = bytes_read();
    assert_nothing_said(r, dial_in_tls(r, NULL));
    int64_t first = bytes_read() - before;
    assert_nothing_said(r, dial_in_tls(r, NULL));
    int64_t second = bytes_read() - before - first;
    assert_true(first > 50000); /* some 140 certificates */
    assert_true(second < 20000);
    assert_int_equal(r->base.listener.n_peers, 2);
}

static void test_another_name_is_told_nothing(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "DNS:elsewhere.test", 0, ONE_HOUR_S);
    assert_nothing_said(r, dial_in_tls(r, r->ca_file));
}

static void test_an_expired_certificate_is_told_nothing(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", -2 * ONE_HOUR_S, -ONE_HOUR_S);
    assert_nothing_said(r, dial_in_tls(r, r->ca_file));
}

static void test_tls_before_1_2_is_not_spoken(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    SSL_CTX_set_security_level(r->ctx, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(r->ctx, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(r->ctx, TLS1_1_VERSION), 1);
    assert_nothing_said(r, dial_in_tls(r, r->ca_file));
}

static void test_a_missing_ca_file_is_told_nothing(void **state)
{
    struct tls_rig *r = *state;
    serve_with(r, "IP:127.0.0.1", 0, ONE_HOUR_S);
    assert_nothing_said(r, dial_in_tls(r, "/nonexistent/ca.pem"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_certificate_of_a_known_authority_is_trusted),
        CASE(test_a_fresh_connection_resumes_the_tls_session),
        CASE(test_an_unknown_authority_is_told_nothing),
        CASE(test_the_authorities_of_the_system_are_read_once_for_all_connections),
        CASE(test_another_name_is_told_nothing),
        CASE(test_an_expired_certificate_is_told_nothing),
        CASE(test_tls_before_1_2_is_not_spoken),
        CASE(test_a_missing_ca_file_is_told_nothing),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
