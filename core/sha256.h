/* SPDX-License-Identifier: MIT
 * SHA-256 (FIPS 180-4). */
#ifndef STELE_CORE_SHA256_H
#define STELE_CORE_SHA256_H

#include <stele/bytes.h>

/** The digest of `data`. */
void stele_sha256(stele_bytes data, uint8_t digest[32]);

#endif
