/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_request.h"

#include <string.h>

#include "common/base/utf8.h"
#include "common/json/json.h"

/* An identifier that is data to us: any characters but control ones. */
static void read_id(const cJSON *value, const char *path, const char *required, char *ret, size_t cap,
                    struct faults *faults)
{
    if (!cJSON_IsString(value)) {
        faults_add(faults, path, FAULT_TYPE, "must be a string");
        return;
    }
    const char *text = value->valuestring;
    size_t len = strlen(text);
    if (len == 0) {
        faults_add(faults, path, FAULT_REQUIRED, "%s", required);
        return;
    }
    if (utf8_count(text, len) > LIMIT_AGENT_ID_LEN || len >= cap) {
        faults_add(faults, path, FAULT_LENGTH, "must not be longer than %d characters", LIMIT_AGENT_ID_LEN);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            faults_add(faults, path, FAULT_CHARACTERS, "must not hold control characters");
            return;
        }
    }
    memcpy(ret, text, len + 1);
}

#define AGENT_REQUIRED "Agent ID is required"
#define USER_REQUIRED "must not be empty"
#define CONTACTS_REQUIRED "At least one contact required"

static void take_value(struct batch_request *r, const char *key, cJSON **value, struct faults *faults)
{
    if (strcmp(key, "agentId") == 0) {
        r->has_agent_id = true;
        read_id(*value, "agentId", AGENT_REQUIRED, r->agent_id, sizeof r->agent_id, faults);
    } else if (strcmp(key, "userId") == 0) {
        read_id(*value, "userId", USER_REQUIRED, r->user_id, sizeof r->user_id, faults);
    } else if (strcmp(key, "options") == 0) {
        cJSON_Delete(r->options);
        r->options = *value;
        *value = NULL;
    } else if (strcmp(key, "contacts") == 0) {
        r->has_contacts = true;
        faults_add(faults, "contacts", FAULT_TYPE, "must be a list of contacts");
    } else {
        faults_add(faults, key, FAULT_UNKNOWN_FIELD, "is not a field of a batch");
    }
}

int batch_request_member(struct batch_request *r, const char *key, const char *value, size_t len, struct faults *faults)
{
    cJSON *tree = NULL;
    struct json_fault fault;
    int rc = json_parse(value, len, &tree, &fault);
    if (rc == ERR_INVALID) {
        faults_add(faults, key, FAULT_SYNTAX, "%s", fault.reason);
        return 0;
    }
    if (rc < 0)
        return rc;
    take_value(r, key, &tree, faults);
    cJSON_Delete(tree);
    return 0;
}

void batch_request_contacts_begin(struct batch_request *r)
{
    r->has_contacts = true;
    r->has_contact_list = true;
}

void batch_request_finish(const struct batch_request *r, uint64_t n_contacts, bool is_draft, struct faults *faults)
{
    if (!r->has_agent_id)
        faults_add(faults, "agentId", FAULT_REQUIRED, AGENT_REQUIRED);
    if (!is_draft && (!r->has_contacts || (r->has_contact_list && n_contacts == 0)))
        faults_add(faults, "contacts", FAULT_REQUIRED, CONTACTS_REQUIRED);
    if (n_contacts > LIMIT_INLINE_CONTACTS)
        faults_add(faults, "contacts", FAULT_TOO_MANY, "must not hold more than %d contacts", LIMIT_INLINE_CONTACTS);
}

void batch_request_free(struct batch_request *r)
{
    cJSON_Delete(r->options);
    memset(r, 0, sizeof *r);
}
