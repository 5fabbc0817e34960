/* SPDX-License-Identifier: MIT
 * What is not the wire format. */
#include "registry/wire.h"

#include <inttypes.h>

stele_status stele_wire_fail(stele_bytes value, stele_error *err)
{
    if (value.size < STELE_WIRE_HEADER_SIZE)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a value of %zu bytes is not in the wire format (0x00, schema id, Avro)",
                          value.size);
    if (value.data[0] != 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a value that begins with 0x%02x is not in the wire format (0x00, schema "
                          "id, Avro)",
                          value.data[0]);
    uint32_t id = (uint32_t)value.data[1] << 24 | (uint32_t)value.data[2] << 16 |
                  (uint32_t)value.data[3] << 8 | (uint32_t)value.data[4];
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "schema id %" PRId64 ": ids are 1 to %" PRId32
                      ", so this value's producer did not have it from a registry",
                      id > INT32_MAX ? (int64_t)id - (INT64_C(1) << 32) : (int64_t)id, INT32_MAX);
}
