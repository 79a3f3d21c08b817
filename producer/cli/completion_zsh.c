/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/completion.h"

/* As a file of $fpath it is the function's body, and is called; sourced, it says whose it is. */
static const char tail[] = "_carillon() {\n"
                           "    local _carillon_verb _carillon_first _carillon_pending _carillon_n _carillon_reply\n"
                           "    local -a _carillon_lines\n"
                           "    _carillon_parse \"${(@)words[2,CURRENT-1]}\"\n"
                           "    if [[ -z $_carillon_pending && ${words[CURRENT]} == --*=* ]]; then\n"
                           "        _carillon_pending=${words[CURRENT]%%=*}\n"
                           "        compset -P 1 '*='\n"
                           "    fi\n"
                           "    _carillon_answer \"${words[CURRENT]}\"\n"
                           "    if [[ $_carillon_reply == @file ]]; then\n"
                           "        _files\n"
                           "    elif [[ -n $_carillon_reply ]]; then\n"
                           "        _carillon_lines=(\"${(@f)${_carillon_reply%$'\\n'}}\")\n"
                           "        _describe -t words carillon _carillon_lines\n"
                           "    fi\n"
                           "}\n\n"
                           "if [[ $funcstack[1] == _carillon ]]; then\n"
                           "    _carillon \"$@\"\n"
                           "else\n"
                           "    compdef _carillon carillon\n"
                           "fi\n";

void completion_zsh(FILE *out)
{
    fputs(
        "#compdef carillon\n# Completion of carillon's command line in zsh, written by 'carillon completion zsh'.\n\n",
        out);
    completion_tables(out);
    fputs(tail, out);
}
