/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent_ssl.h>

#include "common/base/openssl.h"

struct redis_tls {
    char *host; /* without the dot at the end of an absolute name, which certificates leave out */
    bool is_address;
    char *ca;
    char *cert;
    char *key;
};

/* A key with a passphrase must fail, not ask a terminal for it. */
static int no_passphrase(char *space, int len, int is_writing, void *arg)
{
    (void)space;
    (void)len;
    (void)is_writing;
    (void)arg;
    return -1;
}

static const char *load_authority(SSL_CTX *ctx, const char *ca)
{
    if (ca)
        return SSL_CTX_load_verify_locations(ctx, ca, NULL) == 1 ? NULL : "the CA file holds no certificate to be read";
    return SSL_CTX_set_default_verify_paths(ctx) == 1 ? NULL : "the system's certificate authorities cannot be read";
}

static const char *load_own(SSL_CTX *ctx, const char *cert, const char *key)
{
    if (!cert && !key)
        return NULL;
    if (!cert || !key)
        return "a client certificate and its key belong together: one of the two is missing";
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return "the client certificate's file holds no certificate to be read";
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return "the client key's file holds no key to be read, or not the certificate's";
    return NULL;
}

/* What every connection has in common. NULL with the reason. */
static SSL_CTX *make_context(const struct redis_tls *tls, const char **ret_why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    const char *why = "out of memory";
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        goto cleanup;
    /* RESP tells the length of everything, so that a reply cut short is seen without TLS's own farewell, which a killed
     * Redis cannot send. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Never SSL_MODE_ENABLE_PARTIAL_WRITE: libevent 2.1.12 takes each piece of its buffer for written whole, and would
     * leave gaps in what it sends. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    why = load_authority(ctx, tls->ca);
    if (!why)
        why = load_own(ctx, tls->cert, tls->key);
cleanup:
    ERR_clear_error(); /* what is left in OpenSSL's queue would be taken for a connection's */
    if (!why)
        return ctx;
    SSL_CTX_free(ctx);
    *ret_why = why;
    return NULL;
}

static char *copy(const char *text, bool *ret_failed)
{
    char *made = text ? strdup(text) : NULL;
    *ret_failed |= text && !made;
    return made;
}

int redis_tls_set_host(struct redis_tls *tls, const char *host, bool is_address)
{
    size_t len = strlen(host);
    char *made = strndup(host, len > 1 && host[len - 1] == '.' ? len - 1 : len);
    if (!made)
        return ERR_NOMEM;
    free(tls->host);
    tls->host = made;
    tls->is_address = is_address;
    return 0;
}

int redis_tls_create(const char *host, bool is_address, const struct redis_tls_files *files, struct redis_tls **ret_tls,
                     const char **ret_why)
{
    struct redis_tls *tls = calloc(1, sizeof *tls);
    bool failed = !tls || redis_tls_set_host(tls, host, is_address) < 0;
    if (!failed) {
        tls->ca = copy(files->ca, &failed);
        tls->cert = copy(files->cert, &failed);
        tls->key = copy(files->key, &failed);
    }
    if (failed) {
        redis_tls_free(tls);
        *ret_why = "out of memory";
        return ERR_NOMEM;
    }
    SSL_CTX *ctx = make_context(tls, ret_why);
    if (!ctx) {
        redis_tls_free(tls);
        return ERR_INVALID;
    }
    SSL_CTX_free(ctx);
    *ret_tls = tls;
    return 0;
}

void redis_tls_free(struct redis_tls *tls)
{
    if (!tls)
        return;
    free(tls->host);
    free(tls->ca);
    free(tls->cert);
    free(tls->key);
    free(tls);
}

/* Whom the certificate must name, and whom we ask for (SNI, RFC 6066: names only). */
static bool expect_host(SSL *ssl, const struct redis_tls *tls)
{
    if (tls->is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, tls->host) == 1 && SSL_set_tlsext_host_name(ssl, tls->host) == 1;
}

struct bufferevent *redis_tls_open(const struct redis_tls *tls, struct event_base *base, int fd, const char **ret_why)
{
    SSL_CTX *ctx = make_context(tls, ret_why);
    if (!ctx)
        return NULL;
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx); /* the connection holds it */
    struct bufferevent *bev = NULL;
    *ret_why = "out of memory";
    if (ssl && expect_host(ssl, tls))
        bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev)
        SSL_free(ssl);
    return bev;
}

/* ---- why it broke ---- */

/* The newest of the errors that OpenSSL itself gave, 0 for none: libevent keeps them with the kind of failure
 * (SSL_ERROR_SSL and the like, small numbers of no library) below them. */
static unsigned long own_error(struct bufferevent *bev)
{
    unsigned long found = 0;
    unsigned long error;
    while ((error = bufferevent_get_openssl_error(bev)) != 0) {
        if (!found && ERR_GET_LIB(error) == ERR_LIB_SSL)
            found = error;
    }
    return found;
}

/* A write that fails overtakes the alert that tells why, which may still wait to be read; 0 where none does. */
static unsigned long unread_alert(SSL *ssl)
{
    char byte;
    ERR_clear_error();
    unsigned long error = SSL_peek(ssl, &byte, sizeof byte) > 0 ? 0 : ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? error : 0;
}

static const char *meaning(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
        return "what answers there does not speak TLS";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the server demands a client certificate, and none is configured";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the server refuses our client certificate";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the server speaks no TLS of 1.2 or later";
    default:
        return "the handshake or the connection failed";
    }
}

bool redis_tls_explain(const struct redis_tls *tls, struct bufferevent *bev, char *ret_text, size_t cap)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    unsigned long error = own_error(bev);
    long verdict = SSL_get_verify_result(ssl);
    if (verdict != X509_V_OK) {
        (void)snprintf(ret_text, cap, "TLS: the server's certificate does not prove that it is %s: %s", tls->host,
                       X509_verify_cert_error_string(verdict));
        return true;
    }
    if (!error)
        error = unread_alert(ssl);
    if (!error)
        return false;
    const char *reason = ERR_reason_error_string(error);
    (void)snprintf(ret_text, cap, "TLS: %s (%s)", meaning(ERR_GET_REASON(error)), reason ? reason : "no reason given");
    return true;
}
