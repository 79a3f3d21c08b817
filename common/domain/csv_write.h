/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV as Carillon writes it: RFC 4180 with commas and CRLF, safe to open in a spreadsheet.
 *
 * A spreadsheet takes a cell that begins with = + - or @ for a formula, which may call out or start programs, and the
 * cells of an export hold what strangers wrote. Such a cell gets an apostrophe in front, which spreadsheets take for
 * "this is text"; so does one that begins with a tab or a carriage return, behind which some of them look for the sign.
 * Numbers are left alone: a sign and digits, perhaps with one point among them, come to nothing but that number, and a
 * telephone number is to stay what it is. What may be a separator elsewhere (a semicolon, a tab) is quoted too, so that
 * no part of a cell becomes a cell of its own (OWASP, "CSV Injection").
 */
#ifndef CARILLON_DOMAIN_CSV_WRITE_H
#define CARILLON_DOMAIN_CSV_WRITE_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends a cell, without what parts it from the next. */
int csv_write_cell(struct buf *out, const char *text, size_t len) MUST_CHECK;
/* Appends the end of a row. */
int csv_write_row_end(struct buf *out) MUST_CHECK;

#endif
