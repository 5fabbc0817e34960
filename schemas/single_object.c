/* SPDX-License-Identifier: MIT
 * Single-object encoding (specification, "Single-object encoding"): a marker, the fingerprint of
 * the writer's schema, the datum. */
#include <stele/codec.h>

#include <stele/generated.h>

enum { HEAD_SIZE = 10, MARKER_FIRST = 0xc3, MARKER_SECOND = 0x01 };

void stele_single_object_begin(uint64_t fingerprint, stele_buffer *out)
{
    uint8_t *at = stele_buffer_reserve(out, HEAD_SIZE);
    at[0] = MARKER_FIRST;
    at[1] = MARKER_SECOND;
    stele_store_le(at + 2, fingerprint, 8);
    out->size += HEAD_SIZE;
}

stele_status stele_single_object_open(stele_bytes message, uint64_t *fingerprint,
                                      stele_bytes *datum, stele_error *err)
{
    if (message.size < HEAD_SIZE || message.data[0] != MARKER_FIRST ||
        message.data[1] != MARKER_SECOND) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "no single-object encoding: %zu bytes that do not begin with c3 01 and a "
                          "fingerprint of 8 bytes",
                          message.size);
    }
    *fingerprint = stele_load_u64(message.data + 2);
    *datum = stele_bytes_of(message.data + HEAD_SIZE, message.size - HEAD_SIZE);
    return STELE_OK;
}
