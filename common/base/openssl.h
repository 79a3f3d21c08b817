/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL beside our error codes: it has a type named ERR_STATE, which is given another name here. Include this in
 * place of OpenSSL's headers.
 */
#ifndef CARILLON_BASE_OPENSSL_H
#define CARILLON_BASE_OPENSSL_H

#include "common/base/err.h"

#define ERR_STATE openssl_err_state
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
