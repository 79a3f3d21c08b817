/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon.h"
#include "producer/api.h"

int main(int argc, char **argv)
{
    const struct daemon_spec spec = {
        .name = "carillon-producer",
        .id_prefix = "producer_",
        .options = api_options,
        .n_options = api_option_count,
        .default_listen = "127.0.0.1:8080",
        .wants_redis = true,
        .start = api_start,
        .drain = api_drain,
        .reload = api_reload,
        .stop = api_stop,
    };
    return daemon_main(&spec, argc, argv);
}
