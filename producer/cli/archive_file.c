/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/scratch_file.h"

#define PATH_MOST 4096
#define BATCH_MOST (1u << 20)
#define END_BEFORE "{\"end\":{\"calls\":%" PRIu64 ",\"sha256\":\"" /* the last line, around the hash */
#define END_AFTER "\"}}\n"
#define HASH_LEN ((size_t)2 * DIGEST_SHA256_LEN) /* as hexadecimal */

struct archive_file {
    FILE *file;
    struct digest_stream *digest;
    char *folder; /* NULL: it has no name */
    char *name;
    char *part; /* its name until it is whole; "" once it has the other */
    bool is_in_line;
    uint64_t calls;
};

/* ---- names ---- */

static char *join(const char *folder, const char *before, const char *batch_id, const char *after)
{
    struct buf path;
    buf_init(&path, PATH_MOST);
    char *joined = NULL;
    if (buf_printf(&path, "%s/%s%s%s", folder, before, batch_id, after) == 0)
        joined = strdup(buf_str(&path));
    buf_free(&path);
    return joined;
}

/* Whether `path` is still the file that was opened: who had it before may have finished or dropped it meanwhile. */
static bool is_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

/* What a run that was killed has left is written anew; what another run writes is left to that one. */
static int open_part(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    bool is_anothers = (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) || !is_at(fd, path);
    int err = is_anothers ? ERR_EXISTS : ftruncate(fd, 0) != 0 ? ERR_IO : 0;
    if (err)
        close(fd);
    else
        *ret_fd = fd;
    return err;
}

static int open_named(struct archive_file *f, const char *folder, const char *batch_id)
{
    f->folder = strdup(folder);
    f->name = join(folder, "", batch_id, ".ndjson");
    f->part = join(folder, ".", batch_id, ".ndjson.part");
    if (!f->folder || !f->name || !f->part)
        return ERR_NOMEM;
    int fd, err = open_part(f->part, &fd);
    if (err) {
        f->part[0] = '\0'; /* it is not ours to remove */
        return err;
    }
    f->file = fdopen(fd, "w+");
    if (!f->file)
        close(fd);
    return f->file ? 0 : ERR_IO;
}

int archive_file_create(const char *folder, const char *batch_id, struct archive_file **ret_file)
{
    struct archive_file *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    int err = digest_stream_create(&f->digest);
    if (!err && folder) {
        err = open_named(f, folder, batch_id);
    } else if (!err) {
        f->file = scratch_file_open();
        err = f->file ? 0 : ERR_IO;
    }
    if (err) {
        archive_file_free(f);
        return err;
    }
    *ret_file = f;
    return 0;
}

void archive_file_free(struct archive_file *f)
{
    if (!f)
        return;
    if (f->file)
        (void)fclose(f->file);
    if (f->part && f->part[0])
        (void)unlink(f->part);
    digest_stream_free(f->digest);
    free(f->folder);
    free(f->name);
    free(f->part);
    free(f);
}

/* ---- lines ---- */

static int put(struct archive_file *f, const char *data, size_t len)
{
    if (fwrite(data, 1, len, f->file) != len)
        return ERR_IO;
    return digest_stream_add(f->digest, data, len);
}

static int put_str(struct archive_file *f, const char *text)
{
    return put(f, text, strlen(text));
}

int archive_file_put_batch(struct archive_file *f, const cJSON *batch)
{
    struct buf text;
    buf_init(&text, BATCH_MOST);
    int err = json_print(batch, &text);
    if (!err)
        err = put_str(f, "{\"batch\":");
    if (!err)
        err = put(f, buf_str(&text), buf_len(&text));
    if (!err)
        err = put_str(f, "}\n");
    buf_free(&text);
    return err;
}

int archive_file_put_export(struct archive_file *f, const char *data, size_t len)
{
    const char *end = data + len;
    while (data < end) {
        const char *line_end = memchr(data, '\n', (size_t)(end - data));
        const char *stop = line_end ? line_end : end;
        int err = f->is_in_line ? 0 : put_str(f, "{\"call\":");
        f->is_in_line = true;
        if (!err)
            err = put(f, data, (size_t)(stop - data));
        if (!err && line_end) {
            err = put_str(f, "}\n");
            f->is_in_line = false;
            f->calls++;
        }
        if (err)
            return err;
        data = line_end ? line_end + 1 : end;
    }
    return 0;
}

uint64_t archive_file_calls(const struct archive_file *f)
{
    return f->calls;
}

/* ---- the end ---- */

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? 0 : ERR_IO;
}

static int take_name(struct archive_file *f)
{
    if (!f->name)
        return 0;
    if (rename(f->part, f->name) != 0)
        return ERR_IO;
    f->part[0] = '\0';
    return sync_folder(f->folder);
}

int archive_file_finish(struct archive_file *f)
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    if (f->is_in_line)
        return ERR_PROTOCOL;
    int err = digest_stream_hex(f->digest, hex);
    if (err)
        return err;
    if (fprintf(f->file, END_BEFORE "%s" END_AFTER, f->calls, hex) < 0 || fflush(f->file) != 0 ||
        fsync(fileno(f->file)) != 0)
        return ERR_IO;
    return take_name(f);
}

static int read_end(int fd, char *data, size_t len)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return ERR_IO;
    if (status.st_size < (off_t)len)
        return ERR_PROTOCOL;
    ssize_t n = pread(fd, data, len, status.st_size - (off_t)len);
    return n < 0 ? ERR_IO : (size_t)n == len ? 0 : ERR_PROTOCOL;
}

int archive_file_check(const char *path, uint64_t calls)
{
    char start[64], end[sizeof start + HASH_LEN + sizeof END_AFTER];
    size_t start_len = (size_t)snprintf(start, sizeof start, "\n" END_BEFORE, calls);
    size_t len = start_len + HASH_LEN + sizeof END_AFTER - 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int err = read_end(fd, end, len);
    close(fd);
    if (err)
        return err;
    bool is_whole =
        memcmp(end, start, start_len) == 0 && memcmp(end + start_len + HASH_LEN, END_AFTER, sizeof END_AFTER - 1) == 0;
    return is_whole ? 0 : ERR_PROTOCOL;
}

FILE *archive_file_rewind(struct archive_file *f, int64_t *ret_size)
{
    struct stat status;
    rewind(f->file);
    *ret_size = fstat(fileno(f->file), &status) == 0 ? (int64_t)status.st_size : 0;
    return f->file;
}
