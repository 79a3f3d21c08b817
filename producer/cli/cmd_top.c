/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon top`: a fleet as it is now, looked at again and again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "producer/cli/full_screen.h"
#include "producer/cli/out.h"
#include "producer/cli/terminal.h"
#include "producer/cli/top_look.h"
#include "producer/cli/top_page.h"
#include "producer/cli/verbs.h"

#define PROBLEM_MOST 200

struct topping {
    struct session *session; /* borrowed */
    char cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1];
    const char *cell_names[LIMIT_CELLS];
    size_t n_cells;
    struct full_screen *screen;
    struct top_page *page;
    cJSON *shown; /* the last look; NULL before the first */
    char problem[PROBLEM_MOST];
    enum top_sort sort;
    bool is_paused;
    bool is_over;
    bool is_stale; /* it is to be drawn */
};

/* ---- looking ---- */

static int look(struct topping *t)
{
    cJSON *shown;
    char why[PROBLEM_MOST - 32];
    int rc = top_look(t->session, t->cell_names, t->n_cells, t->sort, &t->is_over, &shown, why, sizeof why);
    if (rc != 0) {
        snprintf(t->problem, sizeof t->problem, "Redis: %s", why);
        return rc;
    }
    t->problem[0] = '\0';
    if (why[0])
        snprintf(t->problem, sizeof t->problem, "not everything is shown: %s", why);
    cJSON_Delete(t->shown);
    t->shown = shown;
    return top_look_sort(shown, t->sort); /* by the key that came meanwhile */
}

/* ---- on a screen ---- */

static int draw(struct topping *t)
{
    struct top_view view = {.shown = t->shown, .sort = t->sort, .is_paused = t->is_paused, .problem = t->problem};
    full_screen_size(t->screen, &view.columns, &view.rows);
    view.columns--; /* some terminals go on to the next line in the last column */
    top_page_write(&view, t->page);
    full_screen_begin(t->screen);
    for (size_t i = 0; i < t->page->n; i++)
        full_screen_line(t->screen, t->page->lines[i].text, t->page->lines[i].is_heading);
    t->is_stale = false;
    return full_screen_end(t->screen);
}

static void sort_by(struct topping *t, int sort)
{
    t->sort = (enum top_sort)((sort + TOP_SORTS) % TOP_SORTS);
    if (t->shown && top_look_sort(t->shown, t->sort) != 0)
        t->is_over = true;
}

static void on_key(int key, void *arg)
{
    struct topping *t = arg;
    if (key == 'q' || key == 'Q')
        t->is_over = true;
    else if (key == 'p' || key == ' ')
        t->is_paused = !t->is_paused;
    else if (key >= '1' && key < '1' + TOP_SORTS)
        sort_by(t, key - '1');
    else if (key == FULL_SCREEN_RIGHT || key == FULL_SCREEN_DOWN)
        sort_by(t, (int)t->sort + 1);
    else if (key == FULL_SCREEN_LEFT || key == FULL_SCREEN_UP)
        sort_by(t, (int)t->sort - 1);
    t->is_stale = true;
}

static void on_resize(void *arg)
{
    struct topping *t = arg;
    t->is_stale = true;
}

static bool is_over(const struct topping *t)
{
    return t->is_over || session_signal(t->session) != 0;
}

/* Shows the last look until it is time for the next. */
static int rest(struct topping *t, int64_t until_us)
{
    int rc = 0;
    while (rc == 0 && !is_over(t)) {
        int64_t left_ms = (until_us - clock_mono_us() + 999) / 1000;
        rc = draw(t);
        if (left_ms <= 0)
            break;
        if (rc == 0) {
            rc = session_wait(t->session, &t->is_stale, left_ms);
            rc = rc == ERR_TIMEOUT ? 0 : rc;
        }
    }
    return rc;
}

static enum cli_exit run_on_screen(struct topping *t)
{
    const struct full_screen_config config = {.on_key = on_key, .on_resize = on_resize, .arg = t};
    int64_t interval_us = conf_i64(session_conf(t->session), "interval-ms") * 1000;
    int rc = session_catch_signals(t->session);
    if (rc == 0)
        rc = full_screen_open(session_loop(t->session), &config, &t->screen);
    while (rc == 0 && !is_over(t)) {
        int64_t until_us = clock_mono_us() + interval_us;
        if (!t->is_paused)
            (void)!look(t); /* told on the screen */
        rc = rest(t, until_us);
    }
    full_screen_close(t->screen);
    return rc == 0 && session_signal(t->session) == 0 ? CLI_DONE : CLI_FAILED;
}

/* ---- once ---- */

static enum cli_exit show_once(struct topping *t)
{
    if (look(t) != 0) {
        out_complain("%s", t->problem);
        return CLI_FAILED;
    }
    if (t->problem[0])
        out_complain("%s", t->problem);
    if (session_is_json(t->session))
        return out_json(t->shown);
    const struct top_view view = {.shown = t->shown,
                                  .columns = terminal_columns(STDOUT_FILENO, TOP_COLUMNS_PLAIN),
                                  .sort = t->sort,
                                  .problem = ""};
    top_page_write(&view, t->page);
    for (size_t i = 0; i < t->page->n; i++)
        out_line("%s", t->page->lines[i].text);
    return CLI_DONE;
}

/* ---- the verb ---- */

static int check_cells(const char *text, const char **ret_why)
{
    char cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1];
    size_t n;
    return ident_parse_cells(text, cells, &n, ret_why);
}

/* Those of --cells, or --cell; each must speak our schema. */
static enum cli_exit open_cells(struct topping *t)
{
    const char *why, *cells = conf_str(session_conf(t->session), "cells");
    enum cli_exit status = CLI_DONE;
    if (ident_parse_cells(cells ? cells : session_cell(t->session), t->cells, &t->n_cells, &why) != 0)
        return CLI_USAGE;
    for (size_t i = 0; i < t->n_cells && status == CLI_DONE; i++) {
        t->cell_names[i] = t->cells[i];
        session_enter(t->session, t->cells[i]);
        status = session_open_cell(t->session, false);
    }
    return status;
}

static enum cli_exit run_top(struct session *s)
{
    const struct conf *conf = session_conf(s);
    struct topping t = {.session = s, .page = calloc(1, sizeof *t.page)};
    bool is_once = conf_bool(conf, "once") || session_is_json(s) || !full_screen_is_possible();
    enum cli_exit status = t.page ? open_cells(&t) : CLI_FAILED;
    if (status == CLI_DONE)
        status = is_once ? show_once(&t) : run_on_screen(&t);
    session_enter(s, conf_str(conf, "cell")); /* its own text, before ours goes */
    cJSON_Delete(t.shown);
    free(t.page);
    return status;
}

static const struct conf_option top_options[] = {
    {.name = "cells",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .check = check_cells,
     .help = "the cells to look at: c0,c1 (default: that of --cell)"},
    {.name = "once",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "look once, print it and end"},
    {.name = "interval-ms",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .default_text = "1000",
     .min = 200,
     .max = 60000,
     .help = "how often it is looked"},
};

const struct cli_verb *cli_top_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "top",
            .subjects = "",
            .options = top_options,
            .n_options = sizeof top_options / sizeof top_options[0],
            .help = "show what a fleet does, on the whole screen",
            .about =
                "Redis, each cell, its trunks, the tenants and batches that have work, and the workers. STARTS/S is\n"
                "what began in the last second, of what is allowed. HELD BY is the verdict of 'carillon why'.\n"
                "Keys: q ends it, p pauses it, 1 to 4 or the arrows choose the order. Where stdout or stdin is no\n"
                "terminal, with --once and with --json it looks once. It reads a bounded part of what lies in Redis:\n"
                "of more than 32 trunks, 48 tenants or 48 batches of a cell some are not shown, and of paused\n"
                "batches only those among the newest 8 of their tenant.",
            .run = run_top,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
