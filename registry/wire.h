/* SPDX-License-Identifier: MIT
 * The Confluent wire format: 0x00, schema id as 4 bytes big-endian, Avro binary. */
#ifndef STELE_REGISTRY_WIRE_H
#define STELE_REGISTRY_WIRE_H

#include <stele/buffer.h>
#include <stele/error.h>

#define STELE_WIRE_HEADER_SIZE 5

/** Take a value apart. @param payload view into `value` @return false: shorter than 5 bytes, no
 * 0x00, or an id that is none; stele_wire_fail says which */
static inline bool stele_wire_split(stele_bytes value, int32_t *schema_id, stele_bytes *payload)
{
    if (value.size < STELE_WIRE_HEADER_SIZE || value.data[0] != 0) return false;
    uint32_t id = (uint32_t)value.data[1] << 24 | (uint32_t)value.data[2] << 16 |
                  (uint32_t)value.data[3] << 8 | (uint32_t)value.data[4];
    if (id == 0 || id > INT32_MAX) return false;
    *schema_id = (int32_t)id;
    *payload =
        stele_bytes_of(value.data + STELE_WIRE_HEADER_SIZE, value.size - STELE_WIRE_HEADER_SIZE);
    return true;
}

/** Why stele_wire_split did not take a value apart. @return STELE_E_INVALID (next = REJECT) */
stele_status stele_wire_fail(stele_bytes value, stele_error *err);

/** Append the five bytes before the Avro binary. */
static inline void stele_wire_begin(stele_buffer *out, int32_t schema_id)
{
    uint32_t id = (uint32_t)schema_id;
    uint8_t *at = stele_buffer_reserve(out, STELE_WIRE_HEADER_SIZE);
    at[0] = 0;
    at[1] = (uint8_t)(id >> 24);
    at[2] = (uint8_t)(id >> 16);
    at[3] = (uint8_t)(id >> 8);
    at[4] = (uint8_t)id;
    out->size += STELE_WIRE_HEADER_SIZE;
}

#endif
