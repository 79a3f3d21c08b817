/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target without a fuzzer: over every file of its corpus, and over a fixed number of seeded mutations of
 * each, the same in every run.
 *
 *     fuzz_callback tests/fuzz/corpus/fuzz_callback [mutations of each file]
 *
 * To fuzz for real, build fuzz_<name>.c with clang's -fsanitize=fuzzer,address,undefined and without this file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 65536
#define MUTATIONS_MAX 1000000
/* Room for what a mutation may add. */
#define GROWTH 64

/* xorshift64: good enough to choose bytes, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* One to four small changes: a byte replaced, a bit flipped, bytes left out, bytes said twice. */
static size_t mutate(uint8_t *data, size_t len, uint64_t *state)
{
    static const char telling[] = "\"\\{}[]:,%&=+\0\x7f\xff\xc3\xed -0123456789eEu\n";
    unsigned changes = 1 + (unsigned)(next_random(state) % 4);
    for (unsigned i = 0; i < changes && len > 0; i++) {
        size_t at = next_random(state) % len;
        size_t run = 1 + next_random(state) % (GROWTH / 4);
        switch (next_random(state) % 4) {
        case 0:
            data[at] = (uint8_t)telling[next_random(state) % (sizeof telling - 1)];
            break;
        case 1:
            data[at] ^= (uint8_t)(1u << (next_random(state) % 8));
            break;
        case 2:
            run = run < len - at ? run : len - at;
            memmove(data + at, data + at + run, len - at - run);
            len -= run;
            break;
        case 3:
            run = run < len - at ? run : len - at;
            memmove(data + at + run, data + at, len - at);
            len += run;
            break;
        }
    }
    return len;
}

static int run_file(const char *path, uint64_t mutations)
{
    static uint8_t original[INPUT_BYTES_MAX];
    static uint8_t changed[INPUT_BYTES_MAX + GROWTH];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t len = fread(original, 1, sizeof original, file);
    fclose(file);
    LLVMFuzzerTestOneInput(original, len);
    uint64_t state = 0x9E3779B97F4A7C15u ^ len;
    for (uint64_t i = 0; i < mutations; i++) {
        memcpy(changed, original, len);
        LLVMFuzzerTestOneInput(changed, mutate(changed, len, &state));
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t mutations = 0;
    struct dirent **names = NULL;
    if (argc < 2 || argc > 3 || (argc == 3 && parse_u64(argv[2], strlen(argv[2]), MUTATIONS_MAX, &mutations) != 0)) {
        fprintf(stderr, "usage: %s CORPUS [MUTATIONS]\n", argv[0]);
        return 2;
    }
    int n = scandir(argv[1], &names, NULL, alphasort);
    int files = 0;
    int rc = n < 0 ? -1 : 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            rc |= run_file(path, mutations);
            files++;
        }
        free(names[i]);
    }
    free(names);
    if (rc != 0 || files == 0) {
        fprintf(stderr, "%s: no corpus, or a part of it cannot be read\n", argv[1]);
        return 1;
    }
    printf("%d files, %llu mutations of each\n", files, (unsigned long long)mutations);
    return 0;
}
