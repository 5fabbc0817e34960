/* SPDX-License-Identifier: MIT
 * Fingerprints of a schema's canonical form. */
#include "schemas/fingerprint.h"

#include <stele/schema.h>

#include "core/alloc.h"
#include "core/sha256.h"

static const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);

/* The table is made for each print: that costs no more than a kilobyte of text does. */
uint64_t stele_crc64_avro(stele_bytes data)
{
    uint64_t table[256];
    for (uint64_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (empty & (0 - (table[i] & 1)));
    }
    uint64_t print = empty;
    for (size_t i = 0; i < data.size; i++)
        print = print >> 8 ^ table[(print ^ data.data[i]) & 0xff];
    return print;
}

uint64_t stele_schema_crc64(const stele_schema *schema)
{
    STELE_AUTO_VALUE(stele_buffer) form = {0};
    stele_schema_canonical(schema, &form);
    return stele_crc64_avro(stele_buffer_view(&form));
}

void stele_schema_sha256(const stele_schema *schema, uint8_t digest[32])
{
    STELE_AUTO_VALUE(stele_buffer) form = {0};
    stele_schema_canonical(schema, &form);
    stele_sha256(stele_buffer_view(&form), digest);
}
