/* SPDX-License-Identifier: MIT
 * What differs between two JSON texts: the leaves, by path. */
#ifndef STELE_SCHEMAS_JSON_DIFF_H
#define STELE_SCHEMAS_JSON_DIFF_H

#include <stele/buffer.h>

/**
 * Append a JSON array of changes, {"path", "from", "to"}, in the order of the members. A member or
 * item that one of them does not have is missing in the change, too. Paths are as in messages:
 * items[2].sku; "" is the whole.
 *
 * @param from, to  JSON, or empty: there is nothing
 */
void stele_json_diff(stele_bytes from, stele_bytes to, stele_buffer *out);

#endif
