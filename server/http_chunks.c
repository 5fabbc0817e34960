/* SPDX-License-Identifier: MIT
 * Chunked bodies, byte for byte. Extensions and trailers are checked and passed over. */

#include "server/http_reader.h"

enum { BAD_REQUEST = 400, TOO_LARGE = 413 };
enum { DIGITS_MAX = 16, EXTRA_MAX = 16384 };

/* What is expected next. */
enum {
    SIZE = 0,
    EXTENSION, /* behind a size and ";" */
    SIZE_END,  /* the line feed behind it */
    DATA,
    DATA_RETURN,
    DATA_END,
    TRAILER,       /* the first byte of a line behind the last chunk */
    TRAILER_NAME,  /* the rest of a name */
    TRAILER_VALUE, /* of a trailer, or its carriage return */
    TRAILER_END,
    LAST_END /* the line feed of the empty line */
};

static bool refuse_byte(stele_http_refusal *refusal, const char *where, uint8_t byte)
{
    return stele_http_refuse(refusal, BAD_REQUEST, "chunked body: unexpected byte 0x%02x in %s",
                             byte, where);
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

static bool take_size(stele_http_chunks *chunks, uint8_t byte, stele_http_refusal *refusal)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        if (++chunks->digits > DIGITS_MAX)
            return stele_http_refuse(refusal, BAD_REQUEST,
                                     "chunked body: a size of more than %d digits", DIGITS_MAX);
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        return true;
    }
    if (chunks->digits == 0 || (byte != ';' && byte != '\r'))
        return refuse_byte(refusal, "the size of a chunk", byte);
    chunks->state = byte == ';' ? EXTENSION : SIZE_END;
    return true;
}

static bool begin_chunk(stele_http_chunks *chunks, const stele_buffer *body, size_t body_max,
                        stele_http_refusal *refusal)
{
    if (chunks->left > body_max - body->size)
        return stele_http_refuse(refusal, TOO_LARGE, "the body is larger than %zu bytes", body_max);
    chunks->state = chunks->left > 0 ? DATA : TRAILER;
    chunks->digits = 0;
    return true;
}

/* Text up to a carriage return. */
static bool take_text(stele_http_chunks *chunks, uint8_t byte, int end, const char *where,
                      stele_http_refusal *refusal)
{
    if (byte == '\r') {
        chunks->state = end;
        return true;
    }
    return stele_http_is_value_byte(byte) || refuse_byte(refusal, where, byte);
}

static bool take_trailer(stele_http_chunks *chunks, uint8_t byte, stele_http_refusal *refusal)
{
    if (chunks->state == TRAILER && byte == '\r') {
        chunks->state = LAST_END;
        return true;
    }
    if (chunks->state == TRAILER_NAME && byte == ':') {
        chunks->state = TRAILER_VALUE;
        return true;
    }
    chunks->state = TRAILER_NAME;
    return stele_http_is_token_byte(byte) || refuse_byte(refusal, "the name of a trailer", byte);
}

static bool expect(stele_http_chunks *chunks, uint8_t byte, uint8_t expected, int next,
                   const char *where, stele_http_refusal *refusal)
{
    chunks->state = next;
    return byte == expected || refuse_byte(refusal, where, byte);
}

/* Any byte but data. */
static bool take_byte(stele_http_chunks *chunks, uint8_t byte, const stele_buffer *body,
                      size_t body_max, stele_http_refusal *refusal)
{
    switch (chunks->state) {
    case SIZE:
        return take_size(chunks, byte, refusal);
    case EXTENSION:
        chunks->extra++;
        return take_text(chunks, byte, SIZE_END, "an extension", refusal);
    case SIZE_END:
        return expect(chunks, byte, '\n', DATA, "the end of a size", refusal) &&
               begin_chunk(chunks, body, body_max, refusal);
    case DATA_RETURN:
        return expect(chunks, byte, '\r', DATA_END, "the end of a chunk", refusal);
    case DATA_END:
        return expect(chunks, byte, '\n', SIZE, "the end of a chunk", refusal);
    case TRAILER_VALUE:
        chunks->extra++;
        return take_text(chunks, byte, TRAILER_END, "a trailer", refusal);
    case TRAILER_END:
        return expect(chunks, byte, '\n', TRAILER, "the end of a trailer", refusal);
    case LAST_END:
        return expect(chunks, byte, '\n', LAST_END, "the end of the body", refusal);
    default:
        chunks->extra++;
        return take_trailer(chunks, byte, refusal);
    }
}

static size_t take_data(stele_http_chunks *chunks, stele_bytes input, stele_buffer *body)
{
    size_t size = input.size < chunks->left ? input.size : (size_t)chunks->left;
    stele_buffer_append(body, stele_bytes_of(input.data, size));
    chunks->left -= size;
    if (chunks->left == 0) chunks->state = DATA_RETURN;
    return size;
}

stele_http_progress stele_http_chunks_step(stele_http_chunks *chunks, stele_bytes input,
                                           stele_buffer *body, size_t body_max, size_t *used,
                                           stele_http_refusal *refusal)
{
    for (size_t at = 0; at < input.size;) {
        if (chunks->state == DATA) {
            at += take_data(chunks, stele_bytes_of(input.data + at, input.size - at), body);
            *used = at;
            continue;
        }
        bool is_last = chunks->state == LAST_END;
        if (!take_byte(chunks, input.data[at], body, body_max, refusal)) return STELE_HTTP_REFUSED;
        *used = ++at;
        if (is_last) return STELE_HTTP_DONE;
        if (chunks->extra > EXTRA_MAX) {
            stele_http_refuse(refusal, BAD_REQUEST,
                              "chunked body: more than %d bytes of extensions and trailers",
                              EXTRA_MAX);
            return STELE_HTTP_REFUSED;
        }
    }
    return STELE_HTTP_MORE;
}
