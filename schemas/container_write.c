/* SPDX-License-Identifier: MIT
 * Writes object container files: a block at a time is in memory. */
#include <errno.h>
#include <zlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "schemas/container.h"
#include "schemas/container_zstd.h"

enum { BLOCK_SIZE = 256 * 1024, RAW_DEFLATE = -15, MEMORY_LEVEL = 8, VARINT_MAX = 10 };

struct stele_container_writer {
    FILE *file;
    const char *name;
    stele_container_codec codec;
    uint8_t sync[STELE_CONTAINER_SYNC_SIZE];
    size_t block_size;
    z_stream deflate;
    stele_zstd *zstd;    /* NULL: another codec */
    stele_buffer data;   /* of the block that is being filled */
    stele_buffer packed; /* the head, or a block as it is written */
    int64_t count;       /* data in it */
    size_t whole;        /* bytes of them */
};

static stele_status cannot_write(const stele_container_writer *writer, stele_error *err)
{
    int cause = errno;
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, cause,
                            "%s cannot be written: %s", writer->name, strerror(cause));
}

void stele_container_append_long(stele_buffer *out, int64_t value)
{
    uint8_t *at = stele_buffer_reserve(out, VARINT_MAX);
    out->size += (size_t)(stele_write_long(at, value) - at);
}

void stele_container_append_bytes(stele_buffer *out, stele_bytes bytes)
{
    uint8_t *at = stele_buffer_reserve(out, VARINT_MAX + bytes.size);
    out->size += (size_t)(stele_write_bytes(at, bytes) - at);
}

static stele_status write_out(stele_container_writer *writer, stele_error *err)
{
    size_t size = writer->packed.size;
    if (fwrite(writer->packed.data, 1, size, writer->file) != size)
        return cannot_write(writer, err);
    return STELE_OK;
}

static const char *const codec_names[] = {[STELE_CONTAINER_DEFLATE] = "deflate",
                                          [STELE_CONTAINER_NULL] = "null",
                                          [STELE_CONTAINER_ZSTANDARD] = "zstandard"};

static stele_status write_head(stele_container_writer *writer,
                               const stele_container_options *options, stele_error *err)
{
    stele_buffer *head = &writer->packed;
    stele_buffer_append(head, stele_bytes_of("Obj\1", 4));
    stele_container_append_long(head, (int64_t)options->metadata_count + 1);
    stele_container_append_bytes(head, stele_text("avro.codec"));
    stele_container_append_bytes(head, stele_text(codec_names[writer->codec]));
    for (size_t i = 0; i < options->metadata_count; i++) {
        stele_container_append_bytes(head, stele_text(options->metadata[i].name));
        stele_container_append_bytes(head, options->metadata[i].value);
    }
    stele_container_append_long(head, 0);
    stele_buffer_append(head, stele_bytes_of(writer->sync, sizeof writer->sync));
    if (head->size > STELE_CONTAINER_HEAD_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "%s: its head would have %zu bytes, the limit is %d", writer->name,
                          head->size, STELE_CONTAINER_HEAD_MAX);
    return write_out(writer, err);
}

stele_status stele_container_writer_new(const stele_container_options *options,
                                        stele_container_writer **out, stele_error *err)
{
    STELE_AUTO(stele_container_writer) writer = stele_alloc(sizeof *writer);
    writer->file = options->file;
    writer->name = options->name;
    writer->codec = options->codec;
    writer->block_size = options->block_size == 0 ? BLOCK_SIZE : options->block_size;
    memcpy(writer->sync, options->sync, sizeof writer->sync);
    if (writer->codec == STELE_CONTAINER_DEFLATE &&
        deflateInit2(&writer->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        stele_out_of_memory(sizeof writer->deflate);
    if (writer->codec == STELE_CONTAINER_ZSTANDARD) writer->zstd = stele_zstd_new();
    stele_status status = write_head(writer, options, err);
    if (status < 0) return status;
    *out = writer;
    writer = NULL;
    return STELE_OK;
}

void stele_container_writer_free(stele_container_writer *writer)
{
    if (writer == NULL) return;
    if (writer->codec == STELE_CONTAINER_DEFLATE) deflateEnd(&writer->deflate);
    stele_zstd_free(writer->zstd);
    stele_buffer_clear(&writer->data);
    stele_buffer_clear(&writer->packed);
    free(writer);
}

stele_buffer *stele_container_datum(stele_container_writer *writer)
{
    return &writer->data;
}

static void deflate_block(stele_container_writer *writer, stele_buffer *out)
{
    z_stream *stream = &writer->deflate;
    deflateReset(stream);
    size_t bound = deflateBound(stream, writer->data.size);
    stream->next_in = writer->data.data;
    stream->avail_in = (uInt)writer->data.size; /* limited by STELE_CONTAINER_BLOCK_MAX */
    stream->next_out = stele_buffer_reserve(out, bound);
    stream->avail_out = (uInt)bound;
    deflate(stream, Z_FINISH); /* there is room for all of it */
    out->size += bound - stream->avail_out;
}

static stele_status write_block(stele_container_writer *writer, stele_error *err)
{
    if (writer->count == 0) return STELE_OK;
    STELE_AUTO_VALUE(stele_buffer) small = {0};
    bool packs = writer->codec != STELE_CONTAINER_NULL;
    if (writer->codec == STELE_CONTAINER_DEFLATE) deflate_block(writer, &small);
    if (writer->zstd != NULL)
        stele_zstd_pack(writer->zstd, stele_buffer_view(&writer->data), &small);
    stele_buffer_reset(&writer->packed);
    stele_container_append_long(&writer->packed, writer->count);
    stele_container_append_bytes(&writer->packed,
                                 stele_buffer_view(packs ? &small : &writer->data));
    stele_buffer_append(&writer->packed, stele_bytes_of(writer->sync, sizeof writer->sync));
    stele_buffer_reset(&writer->data);
    writer->count = 0;
    writer->whole = 0;
    return write_out(writer, err);
}

stele_status stele_container_put(stele_container_writer *writer, stele_error *err)
{
    size_t size = writer->data.size - writer->whole;
    if (size > STELE_CONTAINER_BLOCK_MAX - BLOCK_SIZE)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "%s: a datum of %zu bytes, the limit is %d", writer->name, size,
                          STELE_CONTAINER_BLOCK_MAX - BLOCK_SIZE);
    writer->count++;
    writer->whole = writer->data.size;
    return writer->data.size < writer->block_size ? STELE_OK : write_block(writer, err);
}

stele_status stele_container_finish(stele_container_writer *writer, stele_error *err)
{
    stele_status status = write_block(writer, err);
    if (status == STELE_OK && fflush(writer->file) != 0) return cannot_write(writer, err);
    return status;
}
