/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/watch_screen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "producer/cli/out.h"
#include "producer/cli/terminal.h"

#define PLAIN_EVERY 10 /* statuses between two plain lines: there are two a second at most */
#define WIDTH_UNKNOWN 80

void watch_screen_init(struct watch_screen *screen, bool is_json)
{
    *screen = (struct watch_screen){
        .is_json = is_json,
        .is_terminal = terminal_can_redraw(STDOUT_FILENO),
    };
    if (screen->is_terminal)
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* so that nobody sees the lines half drawn */
}

static size_t rows_beyond_first(size_t len, size_t width)
{
    return len > 0 ? (len - 1) / width : 0;
}

/* From where the live lines stand everything goes. A terminal that became narrower shows them on more rows. */
static void erase(struct watch_screen *screen)
{
    size_t width = terminal_columns(STDOUT_FILENO, WIDTH_UNKNOWN);
    if (screen->is_drawn)
        printf("\r\033[%zuA\033[J",
               1 + rows_beyond_first(screen->drawn[0], width) + rows_beyond_first(screen->drawn[1], width));
    screen->is_drawn = false;
}

void watch_screen_erase(struct watch_screen *screen)
{
    erase(screen);
    fflush(stdout);
}

/* The last column stays free: some terminals go on to the next line there. */
static void draw(struct watch_screen *screen, const struct progress *p)
{
    struct buf bar, outcomes;
    size_t width = terminal_columns(STDOUT_FILENO, WIDTH_UNKNOWN) - 1;
    buf_init(&bar, PROGRESS_TEXT_MOST);
    buf_init(&outcomes, PROGRESS_TEXT_MOST);
    if (progress_render_bar(p, width, &bar) == 0 && progress_render_outcomes(p, width, &outcomes) == 0) {
        erase(screen);
        printf("%s\n%s", buf_str(&bar), buf_str(&outcomes));
        screen->drawn[0] = buf_len(&bar);
        screen->drawn[1] = buf_len(&outcomes);
        screen->is_drawn = true;
    }
    buf_free(&bar);
    buf_free(&outcomes);
}

static void print_text(const struct progress *p, int (*render)(const struct progress *p, struct buf *out))
{
    struct buf text;
    buf_init(&text, PROGRESS_TEXT_MOST);
    if (render(p, &text) == 0)
        out_line("%s", buf_str(&text));
    buf_free(&text);
}

enum cli_exit watch_screen_show(struct watch_screen *screen, const struct progress *p, const cJSON *body)
{
    enum cli_exit status = CLI_DONE;
    bool has_ended = progress_has_ended(p);
    bool is_news = strcmp(screen->last_status, p->status) != 0 || screen->shown % PLAIN_EVERY == 0;
    snprintf(screen->last_status, sizeof screen->last_status, "%s", p->status);
    screen->shown++;
    if (screen->is_json) {
        status = is_news ? out_json(body) : CLI_DONE;
    } else if (screen->is_terminal) {
        draw(screen, p);
        fputs(has_ended ? "\n" : "", stdout);
    } else if (is_news) {
        print_text(p, progress_render_line);
    }
    if (has_ended && !screen->is_json)
        print_text(p, progress_render_end);
    /* Without a reader there is nobody to watch for. */
    return fflush(stdout) == 0 && status == CLI_DONE ? CLI_DONE : CLI_FAILED;
}

void watch_screen_leave(struct watch_screen *screen)
{
    if (screen->is_drawn)
        putchar('\n');
    screen->is_drawn = false;
    fflush(stdout);
}
