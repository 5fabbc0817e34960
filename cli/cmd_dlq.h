/* SPDX-License-Identifier: MIT
 * `dlq` of a projection, for `dlq` of whatever has that name. The client is open. */
#ifndef STELE_CLI_CMD_DLQ_H
#define STELE_CLI_CMD_DLQ_H

#include "cli/cmd.h"

/** @param code  only those in this state; NULL: all but what is discarded */
stele_exit stele_dlq_projection_list(stele_cli *cli, const char *name, const char *code);

/** @param position, key  one event, or one aggregate; both NULL: all */
stele_exit stele_dlq_projection_redrive(stele_cli *cli, const char *name, const char *position,
                                        const char *key);

#endif
