/* SPDX-License-Identifier: MIT
 * The order of a request's parts. */
#include "server/http_reader.h"

enum { TOO_LARGE = 413 };

static bool too_large(const stele_http_reader *reader, stele_http_refusal *refusal)
{
    return stele_http_refuse(refusal, TOO_LARGE, "the body is larger than %zu bytes",
                             reader->body_max);
}

static stele_http_progress read_head(stele_http_reader *reader, stele_bytes input, size_t *used,
                                     stele_http_refusal *refusal)
{
    stele_http_progress progress = stele_http_scan_on(&reader->scan, input, refusal);
    if (progress != STELE_HTTP_HEAD) return progress;
    size_t first = reader->scan.first;
    stele_bytes text = stele_bytes_of(input.data + first, reader->scan.at - first);
    if (!stele_http_head_parse(text, &reader->head, refusal)) return STELE_HTTP_REFUSED;
    if (reader->head.length > reader->body_max) {
        too_large(reader, refusal);
        return STELE_HTTP_REFUSED;
    }
    *used = reader->scan.at;
    reader->left = reader->head.length;
    reader->phase =
        reader->head.framing == STELE_HTTP_NO_BODY ? STELE_HTTP_AT_END : STELE_HTTP_IN_BODY;
    return STELE_HTTP_HEAD;
}

static stele_http_progress read_body(stele_http_reader *reader, stele_bytes input, size_t *used,
                                     stele_http_refusal *refusal)
{
    if (reader->head.framing == STELE_HTTP_CHUNKED)
        return stele_http_chunks_step(&reader->chunks, input, &reader->body, reader->body_max, used,
                                      refusal);
    size_t size = input.size < reader->left ? input.size : (size_t)reader->left;
    stele_buffer_append(&reader->body, stele_bytes_of(input.data, size));
    reader->left -= size;
    *used = size;
    return reader->left == 0 ? STELE_HTTP_DONE : STELE_HTTP_MORE;
}

stele_http_progress stele_http_reader_step(stele_http_reader *reader, stele_bytes input,
                                           size_t *used, stele_http_refusal *refusal)
{
    *used = 0;
    if (reader->phase == STELE_HTTP_IN_HEAD) return read_head(reader, input, used, refusal);
    if (reader->phase == STELE_HTTP_AT_END) return STELE_HTTP_DONE;
    stele_http_progress progress = read_body(reader, input, used, refusal);
    if (progress == STELE_HTTP_DONE) reader->phase = STELE_HTTP_AT_END;
    return progress;
}

void stele_http_reader_reset(stele_http_reader *reader)
{
    stele_http_head_clear(&reader->head);
    stele_buffer_clear(&reader->body);
    *reader = (stele_http_reader){.body_max = reader->body_max};
}
