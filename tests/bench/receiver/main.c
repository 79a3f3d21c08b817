/* SPDX-License-Identifier: Apache-2.0
 *
 * The platform of bench_http.py, for one worker on this machine: places calls that exist nowhere, and tells the worker
 * how they went. Says where it listens as the processes do ("listening http://..."), and ends at SIGTERM.
 *
 *     carillon-bench-receiver [--callback-url URL --key KEY --wait-ms N [--all-callbacks]]
 *                             [--certificate FILE --certificate-key FILE] [--answer-ms N]
 *
 * Without a callback URL it says nothing more: the calls go on until someone asks, or for ever.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "tests/bench/receiver/callbacks.h"
#include "tests/bench/receiver/platform.h"

#define WAIT_MOST_MS 3600000

struct options {
    struct callbacks_config callbacks; /* `url` NULL: none */
    const char *certificate, *certificate_key;
    int64_t answer_ms;
};

struct receiver {
    struct event_base *base;
    SSL_CTX *tls;
    struct calls *calls;
    struct callbacks *callbacks;
    struct platform *platform;
    struct event *term;
};

/* Of the option at hand, which there may be none for. */
static bool read_ms(int64_t *ret_ms)
{
    return ret_ms && parse_i64(optarg, strlen(optarg), 0, WAIT_MOST_MS, ret_ms) == 0;
}

static bool read_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"callback-url", required_argument, NULL, 'u'}, {"key", required_argument, NULL, 'k'},
        {"wait-ms", required_argument, NULL, 'w'},      {"all-callbacks", no_argument, NULL, 'a'},
        {"certificate", required_argument, NULL, 'c'},  {"certificate-key", required_argument, NULL, 'p'},
        {"answer-ms", required_argument, NULL, 's'},    {NULL, 0, NULL, 0},
    };
    *ret_options = (struct options){.callbacks.key = ""};
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        struct callbacks_config *to = &ret_options->callbacks;
        if (which == 'u')
            to->url = optarg;
        else if (which == 'k')
            to->key = optarg;
        else if (which == 'a')
            to->tells_all = true;
        else if (which == 'c')
            ret_options->certificate = optarg;
        else if (which == 'p')
            ret_options->certificate_key = optarg;
        else if (!read_ms(which == 'w' ? &to->wait_ms : which == 's' ? &ret_options->answer_ms : NULL))
            return false;
    }
    return optind == argc && (ret_options->certificate == NULL) == (ret_options->certificate_key == NULL);
}

static int open_tls(const struct options *options, SSL_CTX **ret_tls)
{
    *ret_tls = NULL;
    if (!options->certificate)
        return 0;
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls)
        return ERR_NOMEM;
    if (SSL_CTX_use_certificate_chain_file(tls, options->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->certificate_key, SSL_FILETYPE_PEM) != 1) {
        SSL_CTX_free(tls);
        return ERR_INVALID;
    }
    *ret_tls = tls;
    return 0;
}

static void on_placed(size_t number, void *arg)
{
    const struct receiver *r = arg;
    if (r->callbacks && callbacks_begin(r->callbacks, number) != 0)
        abort(); /* without memory there is no bench */
}

static void on_term(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    event_base_loopbreak(arg);
}

static int open_receiver(struct receiver *r, const struct options *options)
{
    r->base = event_base_new();
    r->term = r->base ? evsignal_new(r->base, SIGTERM, on_term, r->base) : NULL;
    if (!r->term || event_add(r->term, NULL) != 0)
        return ERR_NOMEM;
    int rc = open_tls(options, &r->tls);
    if (rc == 0)
        rc = calls_create(&r->calls);
    if (rc == 0 && options->callbacks.url)
        rc = callbacks_create(r->base, &options->callbacks, r->calls, &r->callbacks);
    const struct platform_config config = {
        .tls = r->tls, .answer_ms = options->answer_ms, .placed_fn = on_placed, .placed_arg = r};
    return rc == 0 ? platform_create(r->base, &config, r->calls, &r->platform) : rc;
}

static void close_receiver(struct receiver *r)
{
    platform_free(r->platform);
    callbacks_free(r->callbacks);
    calls_free(r->calls);
    SSL_CTX_free(r->tls);
    if (r->term)
        event_free(r->term);
    if (r->base)
        event_base_free(r->base);
}

int main(int argc, char **argv)
{
    struct options options;
    struct receiver r = {.base = NULL};
    if (!read_options(argc, argv, &options)) {
        fputs("carillon-bench-receiver: the arguments are wrong; main.c says which there are\n", stderr);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    int rc = open_receiver(&r, &options);
    if (rc == 0) {
        printf("listening %s://127.0.0.1:%u\n", r.tls ? "https" : "http", platform_port(r.platform));
        fflush(stdout);
        rc = event_base_dispatch(r.base);
    } else {
        fprintf(stderr, "carillon-bench-receiver: %s\n", err_name(rc));
    }
    close_receiver(&r);
    return rc >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
