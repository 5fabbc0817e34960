/* SPDX-License-Identifier: MIT
 * Zstandard, where the program is built with it. */
#include "schemas/container_zstd.h"

#include "core/alloc.h"

#ifdef STELE_ZSTD
#include <zstd.h>

enum { PIECE_SIZE = 64 * 1024 };

struct stele_zstd {
    ZSTD_CCtx *packs;
    ZSTD_DCtx *unpacks;
};

bool stele_zstd_is_built(void)
{
    return true;
}

stele_zstd *stele_zstd_new(void)
{
    stele_zstd *self = stele_alloc(sizeof *self);
    self->packs = ZSTD_createCCtx();
    self->unpacks = ZSTD_createDCtx();
    if (self->packs == NULL || self->unpacks == NULL) stele_out_of_memory(0);
    ZSTD_CCtx_setParameter(self->packs, ZSTD_c_checksumFlag, 1);
    return self;
}

void stele_zstd_free(stele_zstd *self)
{
    if (self == NULL) return;
    ZSTD_freeCCtx(self->packs);
    ZSTD_freeDCtx(self->unpacks);
    free(self);
}

void stele_zstd_pack(stele_zstd *self, stele_bytes bytes, stele_buffer *out)
{
    size_t bound = ZSTD_compressBound(bytes.size);
    uint8_t *at = stele_buffer_reserve(out, bound);
    size_t size = ZSTD_compress2(self->packs, at, bound, bytes.data, bytes.size);
    if (ZSTD_isError(size)) stele_out_of_memory(bound); /* there is room for all of it */
    out->size += size;
}

bool stele_zstd_unpack(stele_zstd *self, stele_bytes bytes, size_t max, stele_buffer *out)
{
    ZSTD_inBuffer in = {bytes.data, bytes.size, 0};
    size_t left = 1; /* 0: a frame is whole */
    bool is_full = true;
    ZSTD_DCtx_reset(self->unpacks, ZSTD_reset_session_only);
    while ((in.pos < in.size || is_full) && out->size <= max) {
        ZSTD_outBuffer piece = {stele_buffer_reserve(out, PIECE_SIZE), PIECE_SIZE, 0};
        left = ZSTD_decompressStream(self->unpacks, &piece, &in);
        if (ZSTD_isError(left)) return false;
        out->size += piece.pos;
        is_full = piece.pos == piece.size && left != 0;
    }
    return left == 0 || out->size > max;
}

#else

struct stele_zstd {
    char none;
};

bool stele_zstd_is_built(void)
{
    return false;
}

stele_zstd *stele_zstd_new(void)
{
    return stele_alloc(sizeof(stele_zstd));
}

void stele_zstd_free(stele_zstd *self)
{
    free(self);
}

void stele_zstd_pack(stele_zstd *self, stele_bytes bytes, stele_buffer *out)
{
    (void)self, (void)bytes, (void)out;
}

bool stele_zstd_unpack(stele_zstd *self, stele_bytes bytes, size_t max, stele_buffer *out)
{
    (void)self, (void)bytes, (void)max, (void)out;
    return false;
}

#endif
