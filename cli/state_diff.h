/* SPDX-License-Identifier: MIT
 * What changed between two states: the leaves of their JSON that differ, by path. */
#ifndef STELE_CLI_STATE_DIFF_H
#define STELE_CLI_STATE_DIFF_H

#include <stele/buffer.h>

/**
 * Append a JSON array of changes, {"path", "from", "to"}, in the order of the members. A member or
 * item that one of them does not have is missing in the change, too. Paths are as in messages:
 * items[2].sku; "" is the whole.
 *
 * @param from, to  JSON, or empty: there is nothing
 */
void stele_state_diff(stele_bytes from, stele_bytes to, stele_buffer *out);

#endif
