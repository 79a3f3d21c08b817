/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/event_text.h"

int event_text_event(struct buf *out, const char *event, const char *id, const char *data)
{
    int err = buf_printf(out, "event: %s\nid: %s\ndata: ", event, id);
    if (!err)
        err = buf_append_str(out, data);
    return err ? err : buf_append_str(out, "\n\n");
}

int event_text_comment(struct buf *out, const char *comment)
{
    return buf_printf(out, ": %s\n\n", comment);
}

int event_text_retry(struct buf *out, unsigned retry_ms)
{
    return buf_printf(out, "retry: %u\n\n", retry_ms);
}
