/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/verbs.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MOST 40 /* longer ones are nobody's typing error */

static const struct cli_verb *(*const tables[])(size_t *ret_n) = {
    cli_submit_verbs,   cli_batch_verbs,      cli_change_verbs, cli_watch_verbs,   cli_why_verbs,   cli_calls_verbs,
    cli_archive_verbs,  cli_suppress_verbs,   cli_tenant_verbs, cli_agents_verbs,  cli_trunk_verbs, cli_state_verbs,
    cli_top_verbs,      cli_cell_verbs,       cli_key_verbs,    cli_inspect_verbs, cli_audit_verbs, cli_provider_verbs,
    cli_webhooks_verbs, cli_completion_verbs, cli_health_verbs,
};

const struct cli_verb *verbs_at(size_t index)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        size_t n;
        const struct cli_verb *rows = tables[t](&n);
        if (index < n)
            return &rows[index];
        index -= n;
    }
    return NULL;
}

/* The length of a verb's first word. */
static size_t first_len(const struct cli_verb *verb)
{
    return strcspn(verb->words, " ");
}

static bool is_first(const struct cli_verb *verb, const char *word)
{
    return strlen(word) == first_len(verb) && strncmp(verb->words, word, first_len(verb)) == 0;
}

static const char *second(const struct cli_verb *verb)
{
    const char *space = strchr(verb->words, ' ');
    return space ? space + 1 : NULL;
}

const struct cli_verb *verbs_find(int n_words, char **words, int *ret_used)
{
    const struct cli_verb *verb;
    for (size_t i = 0; n_words > 0 && (verb = verbs_at(i)); i++) {
        const char *other = second(verb);
        if (!is_first(verb, words[0]) || (other && (n_words < 2 || strcmp(words[1], other) != 0)))
            continue;
        *ret_used = other ? 2 : 1;
        return verb;
    }
    return NULL;
}

bool verbs_is_group(const char *word)
{
    const struct cli_verb *verb;
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        if (second(verb) && is_first(verb, word))
            return true;
    }
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many characters must be changed, put in, taken out or swapped with their neighbour (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORDS_MOST + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t a_len = strlen(a), b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

const char *verbs_suggest(int n_words, char **words)
{
    char typed[2][WORDS_MOST + 1]; /* in the order given, and the other way round: "create tenant" */
    const char *first = words[0], *other = n_words > 1 ? words[1] : "";
    const char *best = NULL;
    size_t best_distance = 3;
    const struct cli_verb *verb;
    if (strlen(first) + 1 + strlen(other) > WORDS_MOST)
        return NULL;
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        bool has_two = second(verb) && other[0];
        snprintf(typed[0], sizeof typed[0], "%s%s%s", first, has_two ? " " : "", has_two ? other : "");
        snprintf(typed[1], sizeof typed[1], "%s%s%s", has_two ? other : "", has_two ? " " : "", first);
        size_t d = least(distance(typed[0], verb->words), distance(typed[1], verb->words));
        if (d < best_distance && d < strlen(verb->words) / 2) {
            best = verb->words;
            best_distance = d;
        }
    }
    return best;
}
