/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/redis/keys.h"
#include "tests/sim/world.h"

#define PATH_CAP 256
#define START_MS 10000
#define SHA_LEN 40
#define PREFIX "carillon:{c0}:"
#define ARGS_MAX 2048

/* As tests/support/clock_decree.c reads it. */
struct decree {
    int64_t standing_us;
    int64_t shift_us;
};

struct server {
    char dir[PATH_CAP / 2];
    char socket[PATH_CAP];
    pid_t pid;
    struct decree *decree;
    redisContext *commands;
    redisContext *wakes; /* subscribed to the workers' channel */
    size_t n_wakes;
    char *changed[LUA_SCRIPT_COUNT]; /* other texts; NULL: as built */
    char sha[LUA_SCRIPT_COUNT][SHA_LEN + 1]; /* "" before the first load */
    bool is_loaded[LUA_SCRIPT_COUNT];
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "sim: %s: %s\n", what, why);
    exit(2);
}

/* ---- the process ---- */

static bool make_decree(struct server *s)
{
    char path[PATH_CAP];
    (void)snprintf(path, sizeof path, "%s/decree", s->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *s->decree) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    void *mapped = mmap(NULL, sizeof *s->decree, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    s->decree = mapped == MAP_FAILED ? NULL : mapped;
    return s->decree != NULL;
}

static void run_redis(const struct server *s, const char *library)
{
    char decree[PATH_CAP + 32], preload[PATH_CAP + 32], log[PATH_CAP + 16];
    (void)snprintf(decree, sizeof decree, "CARILLON_CLOCK_DECREE=%s/decree", s->dir);
    (void)snprintf(preload, sizeof preload, "LD_PRELOAD=%s", library);
    (void)snprintf(log, sizeof log, "%s/log", s->dir);
    char *const environment[] = {decree, preload, NULL};
    const char *const args[] = {
        "redis-server", "--port", "0", "--unixsocket", s->socket, "--dir", s->dir, "--save", "", "--appendonly", "no",
        "--enable-debug-command", "yes", "--logfile", log, "--maxmemory-policy", "noeviction",
        /* Hashes keep the order of insertion up to a size that no seed comes to: the order of a table depends on a
         * number that the server draws when it starts, and the same seed must give the same trace. */
        "--hash-max-listpack-entries", "4096", "--hash-max-listpack-value", "1024",
        /* A thread whose timed waits would not wait while time stands still. */
        "--jemalloc-bg-thread", "no", NULL};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvpe("redis-server", (char *const *)args, environment);
    _exit(127);
}

static bool await_answer(struct server *s)
{
    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += 10) {
        s->commands = redisConnectUnix(s->socket);
        if (s->commands && !s->commands->err)
            return true;
        redisFree(s->commands);
        s->commands = NULL;
        usleep(10000);
    }
    return false;
}

static bool listen_for_wakes(struct server *s)
{
    struct key channel = key_wake_channel("c0");
    s->wakes = redisConnectUnix(s->socket);
    if (!s->wakes || s->wakes->err)
        return false;
    redisReply *reply = redisCommand(s->wakes, "SUBSCRIBE %b", channel.text, channel.len);
    bool is_listening = reply && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    return is_listening;
}

struct server *server_start(const char *decree_library)
{
    struct server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(s->dir, sizeof s->dir, "%s/carillon-sim-XXXXXX", tmp);
    if (!mkdtemp(s->dir) || !make_decree(s)) {
        fprintf(stderr, "sim: %s: %s\n", s->dir, strerror(errno));
        free(s);
        return NULL;
    }
    (void)snprintf(s->socket, sizeof s->socket, "%s/socket", s->dir);
    s->pid = fork();
    if (s->pid == 0)
        run_redis(s, decree_library);
    if (s->pid < 0 || !await_answer(s) || !listen_for_wakes(s)) {
        fprintf(stderr, "sim: redis-server does not answer; its log is in %s\n", s->dir);
        free(s);
        return NULL;
    }
    return s;
}

void server_stop(struct server *s)
{
    static const char *const names[] = {"decree", "socket", "log", "dump.rdb"};
    char path[PATH_CAP];
    redisFree(s->commands);
    redisFree(s->wakes);
    kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    munmap(s->decree, sizeof *s->decree);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(s->dir);
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++)
        free(s->changed[i]);
    free(s);
}

/* ---- commands ---- */

static redisReply *answer(struct server *s)
{
    void *reply = NULL;
    if (redisGetReply(s->commands, &reply) != REDIS_OK || !reply)
        die("redis-server went away", s->commands->errstr);
    return reply;
}

/* A load of a script gets the text that is to be run in its place. */
static const char *changed_text(const struct server *s, const char *command, size_t len)
{
    static const char HEAD[] = "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n";
    if (len < sizeof HEAD || memcmp(command, HEAD, sizeof HEAD - 1) != 0)
        return NULL;
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++)
        if (s->changed[i] && memmem(command, len, lua_scripts[i].source, lua_scripts[i].len))
            return s->changed[i];
    return NULL;
}

redisReply *server_run(struct server *s, const char *command, size_t len)
{
    s->decree->standing_us = world_now_us();
    const char *text = changed_text(s, command, len);
    if (text)
        return redisCommand(s->commands, "SCRIPT LOAD %s", text);
    if (redisAppendFormattedCommand(s->commands, command, len) != REDIS_OK)
        die("no command", s->commands->errstr);
    return answer(s);
}

static redisReply *run_argv(struct server *s, const char **argv, const size_t *lens, size_t n)
{
    s->decree->standing_us = world_now_us();
    if (redisAppendCommandArgv(s->commands, (int)n, argv, lens) != REDIS_OK)
        die("no command", s->commands->errstr);
    return answer(s);
}

redisReply *server_command(struct server *s, const char *const *args, size_t n)
{
    return run_argv(s, (const char **)args, NULL, n);
}

redisReply *server_script(struct server *s, enum lua_script script, const char *const *args, const size_t *lens,
                          size_t n)
{
    const char *argv[ARGS_MAX] = {"EVALSHA", server_sha(s, script), "1", PREFIX};
    size_t argv_lens[ARGS_MAX] = {7, SHA_LEN, 1, sizeof PREFIX - 1};
    if (n + 4 > ARGS_MAX)
        die("a script", "too many arguments");
    for (size_t i = 0; i < n; i++) {
        argv[4 + i] = args[i];
        argv_lens[4 + i] = lens ? lens[i] : strlen(args[i]);
    }
    return run_argv(s, argv, argv_lens, n + 4);
}

void server_clear(struct server *s)
{
    redisReply *reply = redisCommand(s->commands, "FLUSHALL");
    freeReplyObject(reply);
    (void)server_take_wakes(s);
    s->n_wakes = 0;
}

/* ---- scripts ---- */

static void load_script(struct server *s, enum lua_script script)
{
    const struct lua_script_source *source = &lua_scripts[script];
    const char *text = s->changed[script] ? s->changed[script] : source->source;
    redisReply *reply = redisCommand(s->commands, "SCRIPT LOAD %b", text, strlen(text));
    if (!reply || reply->type != REDIS_REPLY_STRING || reply->len != SHA_LEN)
        die("a script does not load", reply && reply->str ? reply->str : source->name);
    memcpy(s->sha[script], reply->str, SHA_LEN + 1);
    s->is_loaded[script] = true;
    freeReplyObject(reply);
}

const char *server_sha(struct server *s, enum lua_script script)
{
    if (!s->is_loaded[script])
        load_script(s, script);
    return s->sha[script];
}

enum lua_script server_script_of_sha(const struct server *s, const char *sha)
{
    size_t i = 0;
    while (i < LUA_SCRIPT_COUNT && memcmp(s->sha[i], sha, SHA_LEN) != 0)
        i++;
    return (enum lua_script)i;
}

void server_flush_scripts(struct server *s)
{
    redisReply *reply = redisCommand(s->commands, "SCRIPT FLUSH SYNC");
    freeReplyObject(reply);
    memset(s->is_loaded, 0, sizeof s->is_loaded);
}

int server_change_script(struct server *s, const char *name, const char *text)
{
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++) {
        if (strcmp(lua_scripts[i].name, name) == 0) {
            s->changed[i] = strdup(text);
            return s->changed[i] ? 0 : ERR_NOMEM;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- wakes ---- */

/* What was published so far lies before the answer to this. */
size_t server_take_wakes(struct server *s)
{
    if (redisAppendCommand(s->wakes, "PING") != REDIS_OK)
        die("no ping", s->wakes->errstr);
    for (bool is_known = false; !is_known;) {
        void *got = NULL;
        if (redisGetReply(s->wakes, &got) != REDIS_OK || !got)
            die("redis-server went away", s->wakes->errstr);
        const redisReply *reply = got;
        is_known = reply->elements == 2;
        s->n_wakes += !is_known;
        freeReplyObject(got);
    }
    size_t n = s->n_wakes;
    s->n_wakes = 0;
    return n;
}

/* ---- its tail ---- */

static void run_or_die(struct server *s, const char *command)
{
    redisReply *reply = redisCommand(s->commands, command);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        die(command, reply ? reply->str : "no answer");
    freeReplyObject(reply);
}

void server_save(struct server *s)
{
    s->decree->standing_us = world_now_us();
    run_or_die(s, "SAVE");
}

void server_lose_tail(struct server *s)
{
    s->decree->standing_us = world_now_us();
    run_or_die(s, "DEBUG RELOAD NOSAVE");
    server_flush_scripts(s);
}
