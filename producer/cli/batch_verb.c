/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/batch_verb.h"

#include <string.h>

#include "common/base/ident.h"
#include "producer/cli/out.h"

enum cli_exit batch_verb_run(struct session *s, batch_verb_fn fn, const void *arg)
{
    return batch_verb_run_on(s, conf_rest(session_conf(s), 0), fn, arg);
}

enum cli_exit batch_verb_run_on(struct session *s, const char *id, batch_verb_fn fn, const void *arg)
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    struct api_client *api;
    if (ident_batch_cell(id, strlen(id), cell) != 0) {
        out_complain("'%s' is not a batch's id", id);
        return CLI_USAGE;
    }
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    status = fn(s, api, id, arg);
    api_client_close(api);
    return status;
}
