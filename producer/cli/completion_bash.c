/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/completion.h"

static const char tail[] = "_carillon() {\n"
                           "    local cur=${COMP_WORDS[COMP_CWORD]} line\n"
                           "    local _carillon_verb _carillon_first _carillon_pending _carillon_n _carillon_reply\n"
                           "    _carillon_parse \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n"
                           "    [[ $cur != '=' ]] || cur=''\n"
                           "    _carillon_answer \"$cur\"\n"
                           "    COMPREPLY=()\n"
                           "    if [[ $_carillon_reply == @file ]]; then\n"
                           "        compopt -o filenames 2>/dev/null\n"
                           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                           "        return\n"
                           "    fi\n"
                           "    while IFS= read -r line; do\n"
                           "        line=${line%%:*}\n"
                           "        [[ -z $line || $line != \"$cur\"* ]] || COMPREPLY+=(\"$line\")\n"
                           "    done <<<\"$_carillon_reply\"\n"
                           "}\n\n"
                           "complete -F _carillon carillon\n";

void completion_bash(FILE *out)
{
    fputs("# Completion of carillon's command line in bash, written by 'carillon completion bash'.\n\n", out);
    completion_tables(out);
    fputs(tail, out);
}
