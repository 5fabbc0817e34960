/* SPDX-License-Identifier: MIT
 * Requests out of a stream of bytes, one after the other: head, then body by length or by chunks.
 * Pure, and the same whatever pieces the bytes come in. */
#ifndef STELE_SERVER_HTTP_READER_H
#define STELE_SERVER_HTTP_READER_H

#include <stele/buffer.h>

#include "server/http_head.h"

typedef enum stele_http_phase {
    STELE_HTTP_IN_HEAD = 0,
    STELE_HTTP_IN_BODY,
    STELE_HTTP_AT_END
} stele_http_phase;

/** Where a chunked body (RFC 9112 §7.1) is. All zero at its beginning. */
typedef struct stele_http_chunks {
    int state;
    uint64_t left; /* bytes of the chunk that are still to come; or its size, while that is read */
    size_t digits; /* of the size */
    size_t extra;  /* bytes of extensions and trailers so far */
} stele_http_chunks;

/** One request at a time. All zero but `body_max` is ready; release with stele_http_reader_reset.
 */
typedef struct stele_http_reader {
    size_t body_max;
    stele_http_phase phase;
    stele_http_scan scan;
    stele_http_head head; /* valid from STELE_HTTP_HEAD on */
    uint64_t left;        /* bytes of a body with a length that are still to come */
    stele_http_chunks chunks;
    stele_buffer body; /* what has come of it */
} stele_http_reader;

/**
 * Go on with the bytes that have come.
 *
 * @param input  what is not used yet. An unfinished head stays in it: the next call gets the same
 *               bytes and more
 * @param used   how many of them are done with and may be dropped
 * @return STELE_HTTP_HEAD once per request, before anything of a body is taken; call it again
 *         STELE_HTTP_DONE: reset it before the next request
 */
stele_http_progress stele_http_reader_step(stele_http_reader *reader, stele_bytes input,
                                           size_t *used, stele_http_refusal *refusal);

/** Be ready for the next request; nothing is kept but `body_max`. */
void stele_http_reader_reset(stele_http_reader *reader);

/**
 * Take a chunked body apart.
 *
 * @param body  the data is appended here, up to `body_max` bytes
 * @return STELE_HTTP_MORE, STELE_HTTP_DONE or STELE_HTTP_REFUSED
 */
stele_http_progress stele_http_chunks_step(stele_http_chunks *chunks, stele_bytes input,
                                           stele_buffer *body, size_t body_max, size_t *used,
                                           stele_http_refusal *refusal);

#endif
