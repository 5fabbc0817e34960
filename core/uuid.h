/* SPDX-License-Identifier: MIT
 * UUIDs: version 7 (RFC 9562) made here, any version parsed. */
#ifndef STELE_CORE_UUID_H
#define STELE_CORE_UUID_H

#include <stdint.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/clock.h"

enum { STELE_UUID_TEXT_SIZE = 36 }; /* without the NUL */

/** 16 bytes in the order of the text form. Compare with memcmp: version 7 sorts by time. */
typedef struct stele_uuid {
    uint8_t bytes[16];
} stele_uuid;

/**
 * Where new ids come from. A value in the caller's memory that owns nothing; used by one thread at
 * a time. After fork() a child makes its own: a copied source would repeat ids.
 */
typedef struct stele_uuid_source {
    stele_runtime runtime;
    int64_t last_ms;
    uint16_t counter;      /* 12 bits, counts within one millisecond (RFC 9562, 6.2, method 1) */
    uint16_t entropy_left; /* bytes of `entropy` that are not used up */
    uint8_t entropy[1024]; /* filled by one system call for 128 ids */
} stele_uuid_source;

/** Make `source` ready: time and randomness are the runtime's. */
void stele_uuid_source_init(stele_uuid_source *source, stele_runtime runtime);

/**
 * A new version 7 UUID, greater than each one before it from this source, also when the clock goes
 * back. 62 of its bits are fresh randomness.
 */
stele_uuid stele_uuid_source_next(stele_uuid_source *source);

/** The UUID that is `count` after this one: its last 62 bits go up, and nothing else changes. */
stele_uuid stele_uuid_plus(const stele_uuid *uuid, uint64_t count);

/** The text form, 36 lower-case characters and a NUL. */
void stele_uuid_format(const stele_uuid *uuid, char text[STELE_UUID_TEXT_SIZE + 1]);

/**
 * Parse the text form, in either case, of any version.
 *
 * @return STELE_E_INVALID  it is not 8-4-4-4-12 hexadecimal digits (next = REJECT)
 */
stele_status stele_uuid_parse(stele_bytes text, stele_uuid *uuid, stele_error *err);

#endif
