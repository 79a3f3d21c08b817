/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "producer/cli/completion.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

static const struct shell {
    const char *name;
    void (*write)(FILE *out);
} shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

static enum cli_exit run_completion(struct session *s)
{
    const char *name = conf_rest(session_conf(s), 0);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, name) == 0) {
            shells[i].write(stdout);
            return CLI_DONE;
        }
    }
    out_complain("'%s' is no shell that is known here: bash, zsh and fish are", name);
    return CLI_USAGE;
}

const struct cli_verb *cli_completion_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "completion",
            .subjects = "SHELL",
            .n_subjects = 1,
            .choices = "bash|zsh|fish",
            .help = "write a script that completes this tool's command line",
            .about = "SHELL is bash, zsh or fish. For a session: source <(carillon completion bash). For good: into\n"
                     "~/.local/share/bash-completion/completions/carillon, a file _carillon in a folder of $fpath, or\n"
                     "~/.config/fish/completions/carillon.fish.",
            .run = run_completion,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
