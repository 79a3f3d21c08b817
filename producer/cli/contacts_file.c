/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/contacts_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "producer/cli/input.h"
#include "producer/cli/out.h"
#include "producer/cli/scratch_file.h"

#define PIECE 65536

static int complain(const struct contacts_file *f, int err)
{
    out_complain("%s: %s", f->name, err == ERR_IO ? strerror(errno) : err_name(err));
    return err;
}

static uint64_t count_lines(const char *data, size_t len)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n' || data[i] == '\r';
    return n;
}

/* Reads all of `from`; `copy` (may be NULL) gets it too. */
static int look_through(struct contacts_file *f, FILE *from, FILE *copy, struct digest_stream *digest, char *piece)
{
    size_t len;
    int err = 0;
    while (!err && (len = fread(piece, 1, PIECE, from)) > 0) {
        err = digest_stream_add(digest, piece, len);
        if (!err && copy && fwrite(piece, 1, len, copy) != len)
            err = ERR_IO;
        f->bytes += len;
        f->lines += count_lines(piece, len);
    }
    if (!err && ferror(from))
        err = ERR_IO;
    f->lines++; /* the last one may have no end */
    return err ? err : digest_stream_hex(digest, f->digest);
}

static int open_file(struct contacts_file *f, const char *path, FILE **ret_from)
{
    struct stat info;
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!from)
        return ERR_IO;
    bool is_regular = fstat(fileno(from), &info) == 0 && S_ISREG(info.st_mode);
    f->file = is_regular && from != stdin ? from : scratch_file_open();
    *ret_from = from;
    return f->file ? 0 : ERR_IO;
}

int contacts_file_open(const char *path, struct contacts_file *ret_file)
{
    struct contacts_file f = {.name = input_name(path)};
    struct digest_stream *digest = NULL;
    FILE *from = NULL;
    char *piece = malloc(PIECE);
    int err = piece ? digest_stream_create(&digest) : ERR_NOMEM;
    if (!err)
        err = open_file(&f, path, &from);
    if (!err)
        err = look_through(&f, from, from == f.file ? NULL : f.file, digest, piece);
    if (err)
        (void)complain(&f, err);
    else
        err = contacts_file_rewind(&f);
    if (from && from != f.file && from != stdin)
        (void)fclose(from); /* only read from */
    digest_stream_free(digest);
    free(piece);
    if (err)
        contacts_file_close(&f);
    else
        *ret_file = f;
    return err;
}

int contacts_file_rewind(struct contacts_file *f)
{
    return fseek(f->file, 0, SEEK_SET) == 0 ? 0 : complain(f, ERR_IO);
}

void contacts_file_close(struct contacts_file *f)
{
    if (f->file)
        (void)fclose(f->file); /* ours to read, or without a name */
    f->file = NULL;
}
