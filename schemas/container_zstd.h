/* SPDX-License-Identifier: MIT
 * Zstandard for blocks of container files, the codec "zstandard": a frame for each, with a
 * checksum.
 */
#ifndef STELE_SCHEMAS_CONTAINER_ZSTD_H
#define STELE_SCHEMAS_CONTAINER_ZSTD_H

#include <stele/buffer.h>

/** Whether this program has it. Without, nothing below is called. */
bool stele_zstd_is_built(void);

typedef struct stele_zstd stele_zstd;

/** @return caller owns; release with stele_zstd_free */
stele_zstd *stele_zstd_new(void);
/** NULL is fine. */
void stele_zstd_free(stele_zstd *self);

/** Append what is compressed. */
void stele_zstd_pack(stele_zstd *self, stele_bytes bytes, stele_buffer *out);

/** Append what was compressed, at most a piece more than `max`: then `out` is larger than that.
 * @return false: it is damaged */
bool stele_zstd_unpack(stele_zstd *self, stele_bytes bytes, size_t max, stele_buffer *out);

#endif
