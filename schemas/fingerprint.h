/* SPDX-License-Identifier: MIT
 * CRC-64-AVRO (specification, "Schema Fingerprints"). */
#ifndef STELE_SCHEMAS_FINGERPRINT_H
#define STELE_SCHEMAS_FINGERPRINT_H

#include <stele/bytes.h>

/** The 64-bit Rabin fingerprint of `data`. */
uint64_t stele_crc64_avro(stele_bytes data);

#endif
