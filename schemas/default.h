/* SPDX-License-Identifier: MIT
 * The default of a field as a datum. */
#ifndef STELE_SCHEMAS_DEFAULT_H
#define STELE_SCHEMAS_DEFAULT_H

#include "schemas/model.h"

enum { STELE_DEFAULT_STEPS_MAX = 1000000 };

/**
 * Append the Avro binary of a default in the JSON form of schemas (specification, "Complex Types",
 * "default"): a union's default is of the first of its branches that fits.
 *
 * @param steps_left  values that it may hold, those of all defaults within it included; counted
 * down
 * @return STELE_E_INVALID  it is not of this type; the text says the path and why
 *         STELE_E_LIMIT    it is too large (next = REJECT in both cases)
 */
stele_status stele_default_encode(const stele_node *node, const stele_tree *json,
                                  size_t *steps_left, stele_buffer *out, stele_error *err);

#endif
