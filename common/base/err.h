/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error convention: a function that can fail returns 0 or a negative ERR_*, and hands results out through
 * ret_ pointers, which it writes only on success. Whether an error may be tried again is a property of its code.
 */
#ifndef CARILLON_BASE_ERR_H
#define CARILLON_BASE_ERR_H

#include <stdbool.h>

/* Callers must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_OK = 0,
    ERR_NOMEM = -1, /* no memory, or a bounded buffer is full */
    ERR_INVALID = -2, /* the input is not of the form asked for */
    ERR_RANGE = -3, /* of the right form, outside the permitted range */
    ERR_TOO_LARGE = -4, /* over a named limit */
    ERR_NOT_FOUND = -5, /* there is no such thing */
    ERR_EXISTS = -6, /* there is one already */
    ERR_STATE = -7, /* the thing's state does not allow it */
    ERR_TIMEOUT = -8, /* a deadline passed; whether it was done is not known */
    ERR_CLOSED = -9, /* the connection went away; whether it was done is not known */
    ERR_UNAVAILABLE = -10, /* not connected, or told to come back later; it was not done */
    ERR_PROTOCOL = -11, /* the peer answered something that makes no sense */
    ERR_IO = -12, /* the operating system refused; errno says more */
    ERR_AUTH = -13, /* credentials or a signature do not hold */
    ERR_DENIED = -14, /* known, and not permitted */
    ERR_QUOTA = -15, /* a tenant's quota is used up */
};

/* The code's name ("ERR_TIMEOUT"), for logs. Never NULL; an unknown code gives "ERR_UNKNOWN". */
const char *err_name(int code);

/* True where trying again later can help: ERR_TIMEOUT, ERR_CLOSED, ERR_UNAVAILABLE. */
bool err_is_retryable(int code);

#endif
