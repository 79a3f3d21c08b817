/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/encode.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define SECRET_MAX ((size_t)64 << 10)

static const uint8_t key_bytes[32] = {0, 1, 2, 3, 250, 251, 252, 253, 254, 255};

static struct seal_keys *make_keys(uint8_t first)
{
    struct seal_keys *keys;
    uint8_t key[32];
    memcpy(key, key_bytes, sizeof key);
    key[0] = first;
    assert_int_equal(seal_keys_create(key, &keys), 0);
    return keys;
}

static void test_what_was_sealed_is_opened(void **state)
{
    static uint8_t secret[SECRET_MAX];
    static const size_t lens[] = {0, 1, 2, 3, 15, 16, 17, 1000, SECRET_MAX};
    struct seal_keys *keys = make_keys(0);
    (void)state;
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < COUNT(lens); i++) {
        char *text, *back;
        size_t len;
        assert_int_equal(seal_secret(keys, "trunk/main", secret, lens[i], &text), 0);
        assert_int_equal(seal_open(keys, "trunk/main", text, strlen(text), &back, &len), 0);
        assert_int_equal(len, lens[i]);
        assert_memory_equal(back, secret, len);
        assert_int_equal(back[len], '\0');
        seal_secret_free(back, len);
        free(text);
    }
    char *text = NULL;
    assert_int_equal(seal_secret(keys, "x", secret, SECRET_MAX + 1, &text), ERR_TOO_LARGE);
    assert_null(text);
    seal_keys_free(keys);
    seal_keys_free(NULL);
    seal_secret_free(NULL, 0);
}

static void test_the_secret_does_not_show_and_no_two_seals_are_alike(void **state)
{
    struct seal_keys *keys = make_keys(0);
    char *a, *b, plain[64];
    (void)state;
    assert_int_equal(seal_secret(keys, "x", "open sesame", 11, &a), 0);
    assert_int_equal(seal_secret(keys, "x", "open sesame", 11, &b), 0);
    assert_string_not_equal(a, b);
    assert_memory_equal(a, "v1.", 3);
    encode_base64("open sesame", 9, plain);
    assert_null(strstr(a, "sesame"));
    assert_null(strstr(a, plain));
    free(a);
    free(b);
    seal_keys_free(keys);
}

static void assert_refused(const struct seal_keys *keys, const char *context, const char *text, size_t len)
{
    char *back = NULL;
    size_t back_len = 4711;
    assert_int_equal(seal_open(keys, context, text, len, &back, &back_len), ERR_AUTH);
    assert_null(back);
    assert_int_equal(back_len, 4711);
}

static void test_another_key_context_or_text_opens_nothing(void **state)
{
    struct seal_keys *keys = make_keys(0), *others = make_keys(1);
    char *text;
    (void)state;
    assert_int_equal(seal_secret(keys, "trunk/main", "secret", 6, &text), 0);
    size_t len = strlen(text);
    assert_refused(others, "trunk/main", text, len);
    assert_refused(keys, "trunk/mai", text, len);
    assert_refused(keys, "", text, len);
    for (size_t i = 0; i < len; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_refused(keys, "trunk/main", text, len);
        text[i] = kept;
        assert_refused(keys, "trunk/main", text, i);
    }
    free(text);
    seal_keys_free(keys);
    seal_keys_free(others);
}

/* Made with python3-cryptography from the construction in seal.h: what is stored must stay readable. */
static void test_a_seal_made_elsewhere_is_opened(void **state)
{
    const char *text = "v1.AAECAwQFBgcICQoLnseRSjd+W7wIUtK8pLrY/YgSdNRxx5PU+g==";
    const char *token_hex = "717f5678dd540ba02ae65caa2cad1ce129a6f725295fbdf9bf2d464722ee258e";
    struct seal_keys *keys;
    char *back, hex[65];
    size_t len;
    (void)state;
    assert_int_equal(seal_keys_create(key_bytes, &keys), 0);
    assert_int_equal(seal_open(keys, "trunk/main", text, strlen(text), &back, &len), 0);
    assert_string_equal(back, "sk_live_x");
    encode_hex(seal_token_key(keys), 32, hex);
    assert_string_equal(hex, token_hex);
    seal_secret_free(back, len);
    seal_keys_free(keys);
}

static char path[64];

static int load_text(const char *text, size_t len, struct seal_keys **ret_keys)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return seal_keys_load(path, ret_keys);
}

static void test_a_key_file_holds_hex_or_base64(void **state)
{
    struct seal_keys *want, *keys;
    char hex[80], base64[80];
    (void)state;
    assert_int_equal(seal_keys_create(key_bytes, &want), 0);
    encode_hex(key_bytes, 32, hex);
    encode_base64(key_bytes, 32, base64);
    const char *texts[] = {hex, base64};
    for (size_t i = 0; i < 2; i++) {
        char line[80];
        int len = snprintf(line, sizeof line, "%s\n", texts[i]);
        for (int cut = 0; cut < 2; cut++) { /* with a newline and without */
            assert_int_equal(load_text(line, (size_t)(len - cut), &keys), 0);
            assert_memory_equal(seal_token_key(keys), seal_token_key(want), 32);
            seal_keys_free(keys);
        }
    }
    seal_keys_free(want);
}

static void test_a_file_of_anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "0001",
        "g001020304050607080910111213141516171819202122232425262728293031",
        "0001020304050607080910111213141516171819202122232425262728293031\n\n",
        "0001020304050607080910111213141516171819202122232425262728293031 ",
        "000102030405060708091011121314151617181920212223242526272829303132",
        "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5g==", /* 31 bytes */
        "yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo", /* 33 bytes */
        "AAECA_r7_P3-_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    };
    struct seal_keys *keys = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(load_text(texts[i], strlen(texts[i]), &keys), ERR_INVALID);
    assert_int_equal(seal_keys_load("/nonexistent/key", &keys), ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(seal_keys_load("/", &keys), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_null(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_sealed_is_opened),
        cmocka_unit_test(test_the_secret_does_not_show_and_no_two_seals_are_alike),
        cmocka_unit_test(test_another_key_context_or_text_opens_nothing),
        cmocka_unit_test(test_a_seal_made_elsewhere_is_opened),
        cmocka_unit_test(test_a_key_file_holds_hex_or_base64),
        cmocka_unit_test(test_a_file_of_anything_else_is_refused),
    };
    char folder[] = "/tmp/carillon-seal-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/key", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failed;
}
