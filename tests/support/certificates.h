/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate authorities and certificates for tests, made on the spot. To be included after cmocka.h; whatever goes
 * wrong fails the test.
 */
#ifndef CARILLON_TESTS_SUPPORT_CERTIFICATES_H
#define CARILLON_TESTS_SUPPORT_CERTIFICATES_H

#include "common/base/openssl.h" /* before OpenSSL's own */

#include <openssl/pem.h>
#include <stdio.h>

#define CERTIFICATE_HOUR_S 3600L

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};

static inline void certificate_extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Not signed yet. The times count from now, in seconds. */
static inline X509 *certificate_make(EVP_PKEY *key, const char *name, long from_s, long to_s)
{
    static long serial;
    X509 *cert = X509_new();
    assert_non_null(cert);
    assert_int_equal(X509_set_version(cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), to_s));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    return cert;
}

static inline FILE *certificate_file(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static inline void certificate_write(const char *path, X509 *cert)
{
    FILE *file = certificate_file(path);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    assert_int_equal(fclose(file), 0);
}

/* Writes the authority's certificate to `path`. */
static inline void authority_create(struct authority *a, const char *name, const char *path)
{
    a->key = EVP_EC_gen("P-256");
    assert_non_null(a->key);
    a->cert = certificate_make(a->key, name, -CERTIFICATE_HOUR_S, CERTIFICATE_HOUR_S);
    assert_int_equal(X509_set_issuer_name(a->cert, X509_get_subject_name(a->cert)), 1);
    certificate_extend(a->cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(a->cert, a->key, EVP_sha256()) > 0);
    certificate_write(path, a->cert);
}

static inline void authority_clear(struct authority *a)
{
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
    *a = (struct authority){NULL, NULL};
}

/* Writes a certificate for `alt_name` ("DNS:redis.test,IP:127.0.0.1"; NULL: its name only) and its key. */
static inline void authority_issue(const struct authority *a, const char *name, const char *alt_name, long from_s,
                                   long to_s, const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *cert = certificate_make(key, name, from_s, to_s);
    assert_int_equal(X509_set_issuer_name(cert, X509_get_subject_name(a->cert)), 1);
    if (alt_name)
        certificate_extend(cert, NID_subject_alt_name, alt_name);
    assert_true(X509_sign(cert, a->key, EVP_sha256()) > 0);
    certificate_write(cert_path, cert);
    FILE *file = certificate_file(key_path);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

#endif
