/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/full_screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "producer/cli/terminal.h"

#define COLUMNS_UNKNOWN 80
#define ROWS_UNKNOWN 24
#define KEYS_MOST 64 /* read at a time */

#define ENTER "\033[?1049h\033[?25l" /* the alternate screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define REVERSE "\033[7m"
#define PLAIN "\033[0m"

struct full_screen {
    struct loop *loop; /* borrowed */
    struct full_screen_config config;
    struct termios before;
    struct loop_fd *keys;
    struct loop_signal *resized;
    struct loop_signal *continued;
    struct loop_signal *suspended;
    struct loop_signal *hung_up;
    bool is_taken;
    bool has_line;
};

bool full_screen_is_possible(void)
{
    return isatty(STDIN_FILENO) == 1 && terminal_can_redraw(STDOUT_FILENO);
}

/* ---- taking and giving back ---- */

static int take(struct full_screen *screen)
{
    struct termios raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* signals stay: ^C, ^Z */
    raw.c_oflag |= (tcflag_t)(OPOST | ONLCR); /* a line feed begins a line */
    raw.c_cc[VQUIT] = _POSIX_VDISABLE; /* it would end us with the terminal taken */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return ERR_IO;
    screen->is_taken = true;
    fputs(ENTER, stdout);
    return fflush(stdout) == 0 ? 0 : ERR_IO;
}

static void give_back(struct full_screen *screen)
{
    if (!screen->is_taken)
        return;
    screen->is_taken = false;
    fputs(LEAVE, stdout);
    (void)fflush(stdout); /* somebody who is not there any more needs nothing back */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

/* ---- keys and signals ---- */

/* "\033[A" and "\033OA" are arrows. Gives how many bytes the key took. */
static size_t one_key(const char *bytes, size_t n, int *ret_key)
{
    static const char arrows[] = "ABCD";
    static const int keys[] = {FULL_SCREEN_UP, FULL_SCREEN_DOWN, FULL_SCREEN_RIGHT, FULL_SCREEN_LEFT};
    *ret_key = (unsigned char)bytes[0];
    if (n < 3 || bytes[0] != '\033' || (bytes[1] != '[' && bytes[1] != 'O'))
        return 1;
    const char *arrow = memchr(arrows, bytes[2], sizeof arrows - 1);
    if (arrow)
        *ret_key = keys[arrow - arrows];
    return arrow ? 3 : 1;
}

/* A terminal that hung up is read as empty for ever. */
static void on_keys(int fd, unsigned ready, void *arg)
{
    struct full_screen *screen = arg;
    char bytes[KEYS_MOST];
    ssize_t n = read(fd, bytes, sizeof bytes);
    (void)ready;
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        loop_fd_free(screen->keys);
        screen->keys = NULL;
        screen->config.on_key('q', screen->config.arg);
        return;
    }
    for (ssize_t at = 0; at < n;) {
        int key;
        at += (ssize_t)one_key(bytes + at, (size_t)(n - at), &key);
        screen->config.on_key(key, screen->config.arg);
    }
}

static void on_resized(int signo, void *arg)
{
    struct full_screen *screen = arg;
    (void)signo;
    screen->config.on_resize(screen->config.arg);
}

/* As if q had been typed: the terminal may be there still, and wants back what it had. */
static void on_hung_up(int signo, void *arg)
{
    struct full_screen *screen = arg;
    (void)signo;
    screen->config.on_key('q', screen->config.arg);
}

/* Stopped for real: SIGSTOP cannot be caught. */
static void on_suspended(int signo, void *arg)
{
    (void)signo;
    give_back(arg);
    (void)raise(SIGSTOP);
}

static void on_continued(int signo, void *arg)
{
    struct full_screen *screen = arg;
    (void)signo;
    if (!screen->is_taken && take(screen) == 0)
        screen->config.on_resize(screen->config.arg);
}

int full_screen_open(struct loop *loop, const struct full_screen_config *config, struct full_screen **ret_screen)
{
    struct full_screen *screen = calloc(1, sizeof *screen);
    if (!screen)
        return ERR_NOMEM;
    screen->loop = loop;
    screen->config = *config;
    int rc = tcgetattr(STDIN_FILENO, &screen->before) == 0 ? 0 : ERR_IO;
    if (rc == 0)
        rc = loop_fd_create(loop, STDIN_FILENO, LOOP_READ, on_keys, screen, &screen->keys);
    if (rc == 0)
        rc = loop_signal_create(loop, SIGWINCH, on_resized, screen, &screen->resized);
    if (rc == 0)
        rc = loop_signal_create(loop, SIGCONT, on_continued, screen, &screen->continued);
    if (rc == 0)
        rc = loop_signal_create(loop, SIGTSTP, on_suspended, screen, &screen->suspended);
    if (rc == 0)
        rc = loop_signal_create(loop, SIGHUP, on_hung_up, screen, &screen->hung_up);
    if (rc == 0) {
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ); /* so that nobody sees it half drawn */
        rc = take(screen);
    }
    if (rc == 0)
        *ret_screen = screen;
    else
        full_screen_close(screen);
    return rc;
}

void full_screen_close(struct full_screen *screen)
{
    if (!screen)
        return;
    give_back(screen);
    loop_signal_free(screen->hung_up);
    loop_signal_free(screen->suspended);
    loop_signal_free(screen->continued);
    loop_signal_free(screen->resized);
    loop_fd_free(screen->keys);
    free(screen);
}

/* ---- drawing ---- */

void full_screen_size(const struct full_screen *screen, size_t *ret_columns, size_t *ret_rows)
{
    (void)screen;
    *ret_columns = terminal_columns(STDOUT_FILENO, COLUMNS_UNKNOWN);
    *ret_rows = terminal_rows(STDOUT_FILENO, ROWS_UNKNOWN);
}

void full_screen_begin(struct full_screen *screen)
{
    screen->has_line = false;
    fputs(HOME, stdout);
}

void full_screen_line(struct full_screen *screen, const char *text, bool is_heading)
{
    printf("%s%s%s%s%s", screen->has_line ? "\n" : "", is_heading ? REVERSE : "", text, is_heading ? PLAIN : "",
           CLEAR_LINE);
    screen->has_line = true;
}

int full_screen_end(struct full_screen *screen)
{
    (void)screen;
    fputs(CLEAR_BELOW, stdout);
    return fflush(stdout) == 0 ? 0 : ERR_IO;
}
