/* SPDX-License-Identifier: MIT
 * Generic values of avro-c for callers who already use them: in and out of Avro binary. Schema
 * evolution, limits and checks are Stele's; avro-c sees only bytes of its own value's schema. There
 * when Stele was built with avro-c (CMake: STELE_AVROC). */
#ifndef STELE_AVRO_H
#define STELE_AVRO_H

#include <avro.h>

#include <stele/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The bridge for one type. Used by one thread at a time. */
typedef struct stele_avro stele_avro;

/**
 * A bridge for values of this type.
 *
 * @param type  borrowed; must outlive the bridge
 * @param out   caller owns; release with stele_avro_free
 * @return STELE_E_INVALID  avro-c cannot represent the schema (next = STOP)
 */
STELE_API stele_status stele_avro_new(const stele_type *type, stele_avro **out, stele_error *err);

/** Release the bridge; its values may live on. NULL is fine. */
STELE_API void stele_avro_free(stele_avro *bridge);

/** The class of its values, for avro_generic_value_new; borrowed. */
STELE_API avro_value_iface_t *stele_avro_class(const stele_avro *bridge);

/**
 * Read one datum.
 *
 * @param plan   from the writer's schema to the bridge's type
 * @param value  of the bridge's class; what it held is replaced; undefined on failure
 * @return STELE_E_INVALID, STELE_E_LIMIT  as stele_plan_decode, or avro-c cannot hold the value: it
 *                                         has no fixed of no bytes (next = REJECT)
 */
STELE_API stele_status stele_avro_value_read(stele_avro *bridge, const stele_plan *plan,
                                             stele_bytes data, avro_value_t *value,
                                             stele_error *err);

/**
 * Append the Avro binary of a value, as stele_encode writes it.
 *
 * @param value  of the bridge's class
 * @return STELE_E_INVALID  it does not fit its schema, which avro-c does not check: an enum's
 * index, text that is not UTF-8, a union without a branch (next = REJECT) STELE_E_LIMIT    as
 * stele_plan_decode (next = REJECT)
 */
STELE_API stele_status stele_avro_value_write(stele_avro *bridge, const avro_value_t *value,
                                              stele_buffer *out, stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
