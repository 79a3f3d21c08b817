/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARILLON_PRODUCER_CLI_SCRATCH_FILE_H
#define CARILLON_PRODUCER_CLI_SCRATCH_FILE_H

#include <stdio.h>

/* An empty file without a name, for writing and reading, in the folder that TMPDIR names or in /tmp. NULL where none
 * can be made (errno says why). The caller closes it. */
FILE *scratch_file_open(void);

#endif
