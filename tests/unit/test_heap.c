/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/digest.h"

struct thing {
    int64_t key;
    size_t place;
};

static void test_an_empty_heap_gives_nothing(void **state)
{
    struct heap *h = heap_create(4);
    size_t place = HEAP_NOWHERE;
    int64_t key = 4711;
    (void)state;
    assert_null(heap_peek(h, &key));
    assert_int_equal(key, 4711);
    assert_null(heap_pop(h));
    heap_remove(h, &place);
    assert_int_equal(heap_len(h), 0);
    heap_free(h);
    heap_free(NULL);
}

static void test_the_bound_is_exact(void **state)
{
    for (size_t max = 0; max < 40; max++) {
        struct heap *h = heap_create(max);
        struct thing things[41];
        (void)state;
        for (size_t i = 0; i < max; i++)
            assert_int_equal(heap_push(h, (int64_t)i, &things[i], &things[i].place), 0);
        things[max].place = 4711;
        assert_int_equal(heap_push(h, 0, &things[max], &things[max].place), ERR_NOMEM);
        assert_int_equal(things[max].place, 4711);
        assert_int_equal(heap_len(h), max);
        heap_free(h);
    }
}

/* Random pushes, pops and removals from the middle, against a plain search for the least. */
static void test_the_least_key_comes_first_whatever_was_removed(void **state)
{
    enum { N = 200 };
    struct thing things[N];
    struct heap *h = heap_create(N);
    size_t held = 0;
    (void)state;
    for (size_t i = 0; i < N; i++)
        things[i].place = HEAP_NOWHERE;
    for (int step = 0; step < 20000; step++) {
        struct thing *t = &things[random_below(N)];
        int64_t least = INT64_MAX, key = 0;
        if (t->place == HEAP_NOWHERE) {
            t->key = (int64_t)random_below(50) - 25;
            assert_int_equal(heap_push(h, t->key, t, &t->place), 0);
            held++;
        } else if (random_below(2)) {
            heap_remove(h, &t->place);
            assert_true(t->place == HEAP_NOWHERE);
            held--;
        } else {
            struct thing *first = heap_peek(h, &key);
            assert_int_equal(first->key, key);
            assert_ptr_equal(heap_pop(h), first);
            assert_true(first->place == HEAP_NOWHERE);
            held--;
        }
        for (size_t i = 0; i < N; i++)
            least = things[i].place != HEAP_NOWHERE && things[i].key < least ? things[i].key : least;
        assert_int_equal(heap_len(h), held);
        if (heap_peek(h, &key))
            assert_int_equal(key, least);
    }
    heap_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_heap_gives_nothing),
        cmocka_unit_test(test_the_bound_is_exact),
        cmocka_unit_test(test_the_least_key_comes_first_whatever_was_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
