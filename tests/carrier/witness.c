/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/json/json.h"

#define LINE_BYTES_MAX (64u << 10)
#define US_PER_MS 1000

struct witness {
    int fd;
    struct buf line;
    witness_lost_fn on_lost;
    void *arg;
};

int witness_open(const char *path, witness_lost_fn on_lost, void *arg, struct witness **ret_witness)
{
    struct witness *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    buf_init(&w->line, LINE_BYTES_MAX);
    w->on_lost = on_lost;
    w->arg = arg;
    w->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (w->fd < 0) {
        free(w);
        return ERR_IO;
    }
    *ret_witness = w;
    return 0;
}

void witness_close(struct witness *w)
{
    if (!w)
        return;
    (void)close(w->fd);
    buf_free(&w->line);
    free(w);
}

cJSON *witness_line(int64_t at_us, const char *event, const char *to, const char *id, const char *token)
{
    cJSON *line = cJSON_CreateObject();
    if (json_add_i64(line, "t", at_us / US_PER_MS) && json_add_i64(line, "us", at_us) &&
        json_add_str(line, "ev", event) && json_add_str(line, "to", to) && json_add_str(line, "id", id) &&
        json_add_str(line, "token", token))
        return line;
    cJSON_Delete(line);
    return NULL;
}

cJSON *witness_line_of_call(int64_t at_us, const char *event, const struct call *call)
{
    return witness_line(at_us, event, call->order.to, call->id, call->order.token);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return ERR_IO;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

static int line_write(struct witness *w, const cJSON *line)
{
    if (!line)
        return ERR_NOMEM;
    buf_clear(&w->line);
    int err = json_print(line, &w->line);
    if (!err)
        err = buf_append_char(&w->line, '\n');
    return err ? err : write_all(w->fd, buf_str(&w->line), buf_len(&w->line));
}

void witness_take(struct witness *w, cJSON *line)
{
    int err = w ? line_write(w, line) : 0;
    cJSON_Delete(line);
    if (err)
        w->on_lost(err, w->arg);
}
