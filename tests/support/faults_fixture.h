/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults and warnings of whatever a test reads: empty at its beginning.
 */
#ifndef CARILLON_TESTS_FAULTS_FIXTURE_H
#define CARILLON_TESTS_FAULTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/domain/faults.h"

static struct faults faults, warnings;

static inline void faults_fixture_open(void)
{
    faults_init(&faults, LIMIT_FAULTS);
    faults_init(&warnings, LIMIT_WARNINGS);
}

/* Also in between: what was told is forgotten. */
static inline void faults_fixture_clear(void)
{
    faults_free(&faults);
    faults_free(&warnings);
}

/* Setup and teardown where there is nothing else to make. */
static inline int faults_fixture_set_up(void **state)
{
    (void)state;
    faults_fixture_open();
    return 0;
}

static inline int faults_fixture_tear_down(void **state)
{
    (void)state;
    faults_fixture_clear();
    return 0;
}

/* One thing is wrong with `json`, told by its path and code. */
static inline void assert_only_fault(const char *json, const char *path, const char *code)
{
    const char *told = faults_only_code(&faults);
    if (!told || strcmp(told, code) != 0 || strcmp(faults.items[0].path, path) != 0)
        fail_msg("%s: %zu faults, %s %s", json, faults.n, faults.n ? faults.items[0].path : "",
                 faults.n ? faults.items[0].code : "");
}

#endif
