/* SPDX-License-Identifier: MIT
 * Which version the first event that the log still has of an aggregate made. Where retention has
 * deleted the beginning, counting goes by a snapshot of it. */
#ifndef STELE_CLI_FIRST_VERSION_H
#define STELE_CLI_FIRST_VERSION_H

#include "cli/command.h"

/**
 * @param partition  of the events: the one that the id belongs to
 * @param out        1 where the log begins at its first event
 * @return STELE_E_HOLE  the beginning is gone, and no snapshot says how much it was (next = STOP)
 */
stele_status stele_first_version(stele_cli *cli, stele_partition partition, stele_bytes id,
                                 int64_t *out, stele_error *err);

#endif
