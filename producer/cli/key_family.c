/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/key_family.h"

#include <string.h>

#include "common/base/ident.h"

#define CALL "<batch>/<ordinal>/<dial>"
#define LANE "<batch>/<lane>"

static const struct key_family FAMILIES[] = {
    /* the cell */
    {false, "cell", "hash", NULL, NULL},
    {false, "index:trunks", "set", "<trunk>", NULL},
    {false, "index:tenants", "set", "<tenant>", NULL},
    {false, "trunk:<trunk>", "hash", NULL, NULL},
    {false, "tenant:<tenant>", "hash", NULL, NULL},
    {false, "tenant:<tenant>:agents", "hash", "<agent>", "<any>"},
    {false, "tenant:<tenant>:batches", "zset", "<batch>", "ms"},
    {false, "tenant:<tenant>:dials", "zset", "<batch>", "ms"},
    {false, "dials:n/<tenant>", "hash", "<number>", "<batch>"},
    {false, "dials:i/<tenant>", "hash", "<hash>", "<batch>"},
    {false, "tenant:<tenant>:tags:<hex>", "zset", "<batch>", "ms"},
    {false, "load:t/<tenant>", "hash", NULL, NULL},
    {false, "requests:t/<tenant>", "string", "<begin_us>", NULL},
    {false, "suppressed", "set", "<number>", NULL},
    {false, "suppressed:t/<tenant>", "set", "<number>", NULL},
    {false, "processes", "zset", "<process>/<id>/<oldest>/<newest>/<version>", "ms"},
    {false, "workers", "zset", "<worker>", "ms"},
    {false, "claim:<worker>", "string", NULL, NULL},
    /* the scheduler */
    {false, "trunks", "zset", "<trunk>", "ms"},
    {false, "waiting:k/<trunk>", "zset", "<tenant>", "ms"},
    {false, "turn:k/<trunk>", "zset", "<tenant>", "score"},
    {false, "vt:k/<trunk>", "hash", "<tenant>", NULL},
    {false, "waiting:f/<trunk>/<tenant>", "zset", LANE, "ms"},
    {false, "ready:f/<trunk>/<tenant>", "zset", LANE, "score"},
    {false, "parked", "zset", "<kind>/<id>", "ms"},
    {false, "parked:t/<tenant>", "zset", "<trunk>", "ms"},
    {false, "parked:b/<batch>", "zset", LANE, "ms"},
    {false, "unfunded:t/<tenant>", "zset", "<batch>", "ms"},
    {false, "funded", "zset", "<tenant>", "ms"},
    {false, "expiries", "zset", "<batch>", "ms"},
    {false, "hours", "zset", "<batch>", "ms"},
    {false, "ending", "zset", "<batch>", "ms"},
    {false, "stopping", "zset", "<batch>", "score"},
    {false, "appending", "zset", "<batch>", "ms"},
    {false, "purge", "zset", "<kind>/<batch>", "ms"},
    /* a batch's data */
    {false, "batch:<batch>", "hash", NULL, NULL},
    {false, "batch:<batch>:contacts:<bucket>", "hash", "<ordinal>", KEY_VALUE_CONTACT},
    {false, "batch:<batch>:extra:<bucket>", "hash", "<ordinal>", NULL},
    {false, "batch:<batch>:state:<bucket>", "hash", "<ordinal>", KEY_VALUE_STATE},
    {false, "batch:<batch>:attempts:<bucket>", "hash", "<ordinal>", KEY_VALUE_ATTEMPTS},
    {false, "batch:<batch>:texts:<bucket>", "hash", "<ordinal>:<what>", NULL},
    {false, "batch:<batch>:retry:<lane>", "zset", "<ordinal>", "ms"},
    {false, "batch:<batch>:appending", "zset", "<holder>", "ms"},
    {false, "batch:<batch>:chunks", "hash", "<part>", NULL},
    {false, "batch:<batch>:columns", "string", NULL, NULL},
    {false, "batch:<batch>:rows", "list", "<any>", NULL},
    {false, "batch:<batch>:seen:n:<shard>", "set", "<number>", NULL},
    {false, "batch:<batch>:seen:i:<shard>", "hash", "<hash>", NULL},
    /* calls on their way */
    {false, "claimed", "zset", CALL "/<worker>", "ms"},
    {false, "live", "zset", CALL, "ms"},
    {false, "ended", "zset", CALL, "ms"},
    {false, "flying:k/<trunk>", "zset", CALL, "ms"},
    {false, "flying:t/<tenant>", "zset", CALL, "ms"},
    {false, "flying:b/<batch>", "zset", CALL, "ms"},
    {false, "dialing:t/<tenant>", "hash", "<number>", CALL},
    {false, "placed:<number>", "hash", CALL, NULL},
    {false, "held:t/<tenant>", "zset", "<number>/<since_ms>/<batch>/<ordinal>", "score"},
    {false, "begins:k/<trunk>", "list", "<begin_us>", NULL},
    {false, "begins:t/<tenant>", "list", "<begin_us>", NULL},
    {false, "begins:b/<batch>", "list", "<begin_us>", NULL},
    /* events and webhooks */
    {false, "events:<shard>", "stream", NULL, NULL},
    {false, "hooks:notifiers", "zset", "<notifier>", "ms"},
    {false, "hooks:lease:<shard>", "string", "<notifier>", NULL},
    {false, "hooks:ring:<shard>", "zset", "<endpoint>", "ms"},
    {false, "hooks:slow:<shard>", "zset", "<endpoint>", "ms"},
    {false, "hooks:inflight:<shard>", "zset", "<endpoint>/<event>/<attempt>/<notifier>", "ms"},
    {false, "hooks:counts:<shard>", "hash", NULL, NULL},
    {false, "hooks:endpoints:t/<tenant>", "hash", "<origin>", "<endpoint>"},
    {false, "hooks:endpoint:<endpoint>", "hash", NULL, NULL},
    {false, "hooks:queue:<endpoint>", "zset", "<event>", "ms"},
    {false, "hooks:dead:<endpoint>", "zset", "<event>", "ms"},
    {false, "hooks:log:<endpoint>", "stream", NULL, NULL},
    {false, "hooks:removed:<shard>", "zset", "<endpoint>/<begin_us>/<kind>", "ms"},
    {false, "hooks:rest:<endpoint>/<begin_us>/<kind>", "zset", "<event>", "ms"},
    {false, "hooks:delivery:<event>", "hash", NULL, NULL},
    {false, "hooks:body:<event>", "string", NULL, NULL},
    /* the directory */
    {true, "key:<sha256>", "hash", NULL, NULL},
    {true, "ids", "hash", "<key>", "<sha256>"},
    {true, "used", "hash", "<sha256>", NULL},
    {true, "tenant:<tenant>", "hash", NULL, NULL},
    {true, "tenant:<tenant>:keys", "set", "<sha256>", NULL},
    {true, "operators", "set", "<sha256>", NULL},
    {true, "idempotency:t/<tenant>:<sha256>", "hash", NULL, NULL},
    {true, "idempotency:operators:<sha256>", "hash", NULL, NULL},
    {true, "idempotency:counts:t/<tenant>", "hash", "<hour>", NULL},
    {true, "idempotency:counts:operators", "hash", "<hour>", NULL},
};

#define PREFIX "carillon:{"

bool key_place_of(const char *key, struct key_place *ret_place)
{
    if (strncmp(key, PREFIX, sizeof PREFIX - 1) != 0)
        return false;
    const char *cell = key + sizeof PREFIX - 1;
    size_t len = strcspn(cell, "}");
    if (!ident_is_cell(cell, len) || strncmp(cell + len, "}:", 2) != 0 || !cell[len + 2])
        return false;
    memcpy(ret_place->cell, cell, len);
    ret_place->cell[len] = '\0';
    ret_place->rest = cell + len + 2;
    return true;
}

/* A placeholder stands for one part: no colon, no slash. */
static bool matches(const char *pattern, const char *text)
{
    while (*pattern) {
        if (*pattern == '<') {
            size_t n = strcspn(text, ":/");
            if (n == 0)
                return false;
            text += n;
            pattern = strchr(pattern, '>') + 1;
        } else if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == '\0';
}

const struct key_family *key_family_of(const struct key_place *place)
{
    bool is_directory = strcmp(place->cell, "dir") == 0;
    for (size_t i = 0; i < sizeof FAMILIES / sizeof FAMILIES[0]; i++) {
        if (FAMILIES[i].is_directory == is_directory && matches(FAMILIES[i].pattern, place->rest))
            return &FAMILIES[i];
    }
    return NULL;
}
