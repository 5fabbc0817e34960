/* SPDX-License-Identifier: MIT
 * Reads object container files that may be damaged, cut off or made to do harm: no length in them
 * is believed before the bytes are there. */
#include <errno.h>
#include <inttypes.h>
#include <zlib.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/container.h"
#include "schemas/container_zstd.h"

enum {
    PIECE_SIZE = 64 * 1024,
    ENTRIES_MAX = 1000,
    NAME_MAX_SIZE = 1000,
    RAW_DEFLATE = -15,
    VARINT_BITS = 64
};

typedef struct entry {
    char *name;
    stele_buffer value;
} entry;

struct stele_container_reader {
    FILE *file;
    const char *name;
    int64_t position; /* in the file */
    int64_t block;    /* where the block that is being read begins; -1: it is the head */
    entry *entries;
    size_t entry_count;
    size_t head_size;
    bool is_deflated;
    z_stream inflate;
    stele_zstd *zstd; /* NULL: another codec */
    uint8_t sync[STELE_CONTAINER_SYNC_SIZE];
    stele_buffer packed, data;
};

/* ---- failures ---- */

static stele_status damaged(const stele_container_reader *reader, const char *what,
                            stele_error *err)
{
    if (reader->block < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: byte %" PRId64 ", in its head: %s: the file is damaged, or is not "
                          "what export has made; take another copy of it",
                          reader->name, reader->position, what);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: byte %" PRId64 ", in the block that begins at byte %" PRId64
                      ": %s: the file is damaged; take another copy of it, or export again",
                      reader->name, reader->position, reader->block, what);
}

static stele_status cut_off(const stele_container_reader *reader, stele_error *err)
{
    int cause = ferror(reader->file) != 0 ? errno : 0;
    if (cause != 0)
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, cause,
                                "%s cannot be read at byte %" PRId64 ": %s", reader->name,
                                reader->position, strerror(cause));
    return damaged(reader, "it ends there", err);
}

static stele_status too_large(const stele_container_reader *reader, const char *what, int64_t size,
                              int64_t max, stele_error *err)
{
    return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                      "%s: byte %" PRId64 ": %s of %" PRId64 " bytes, the limit is %" PRId64
                      ": the file is damaged, or is not what export has made",
                      reader->name, reader->position, what, size, max);
}

/* ---- pieces ---- */

static stele_status read_long(stele_container_reader *reader, int64_t *out, stele_error *err)
{
    uint64_t raw = 0;
    for (unsigned shift = 0; shift < VARINT_BITS; shift += 7) {
        int byte = getc(reader->file);
        if (byte == EOF) return cut_off(reader, err);
        reader->position++;
        raw |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) != 0) continue;
        *out = (int64_t)(raw >> 1 ^ (0 - (raw & 1)));
        return STELE_OK;
    }
    return damaged(reader, "a number of more than 10 bytes", err);
}

/* Memory grows with what is there, not with what the file says. */
static stele_status read_bytes(stele_container_reader *reader, int64_t size, stele_buffer *out,
                               stele_error *err)
{
    while (size > 0) {
        size_t piece = size < PIECE_SIZE ? (size_t)size : PIECE_SIZE;
        size_t got = fread(stele_buffer_reserve(out, piece), 1, piece, reader->file);
        out->size += got;
        reader->position += (int64_t)got;
        if (got < piece) return cut_off(reader, err);
        size -= (int64_t)got;
    }
    return STELE_OK;
}

static stele_status read_sized(stele_container_reader *reader, const char *what, int64_t max,
                               stele_buffer *out, stele_error *err)
{
    int64_t size;
    stele_status status = read_long(reader, &size, err);
    if (status < 0) return status;
    if (size < 0) return damaged(reader, "a size below 0", err);
    if (size > max) return too_large(reader, what, size, max, err);
    return read_bytes(reader, size, out, err);
}

/* ---- the head ---- */

static stele_status read_entry(stele_container_reader *reader, stele_error *err)
{
    if (reader->entry_count == ENTRIES_MAX) return damaged(reader, "too many entries", err);
    reader->entries =
        stele_realloc_array(reader->entries, reader->entry_count + 1, sizeof *reader->entries);
    entry *one = &reader->entries[reader->entry_count++];
    *one = (entry){0};
    STELE_AUTO_VALUE(stele_buffer) name = {0};
    stele_status status = read_sized(reader, "a name", NAME_MAX_SIZE, &name, err);
    if (status < 0) return status;
    one->name = stele_strndup((const char *)stele_buffer_view(&name).data, name.size);
    status = read_sized(reader, "an entry", STELE_CONTAINER_HEAD_MAX - (int64_t)reader->head_size,
                        &one->value, err);
    reader->head_size += one->value.size;
    return status;
}

static stele_status read_entries(stele_container_reader *reader, stele_error *err)
{
    for (;;) {
        int64_t count;
        int64_t size;
        stele_status status = read_long(reader, &count, err);
        if (status == STELE_OK && count < 0) status = read_long(reader, &size, err);
        if (status < 0 || count == 0) return status;
        if (count == INT64_MIN) return damaged(reader, "too many entries", err);
        for (int64_t i = count < 0 ? -count : count; i > 0; i--)
            if ((status = read_entry(reader, err)) < 0) return status;
    }
}

static stele_status find_codec(stele_container_reader *reader, stele_error *err)
{
    stele_bytes codec = stele_container_metadata(reader, "avro.codec");
    bool is_zstd = stele_bytes_equal(codec, stele_text("zstandard"));
    reader->is_deflated = stele_bytes_equal(codec, stele_text("deflate"));
    if (is_zstd && !stele_zstd_is_built())
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is compressed with zstandard, and this program was built without it "
                          "(cmake -DSTELE_ZSTD=ON)",
                          reader->name);
    if (!is_zstd && !reader->is_deflated && codec.data != NULL && codec.size > 0 &&
        !stele_bytes_equal(codec, stele_text("null")))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is compressed with the codec %s, and deflate, zstandard and null are "
                          "read: write it again with one of them",
                          reader->name, stele_quote(codec).text);
    if (is_zstd) reader->zstd = stele_zstd_new();
    if (reader->is_deflated && inflateInit2(&reader->inflate, RAW_DEFLATE) != Z_OK)
        stele_out_of_memory(sizeof reader->inflate);
    return STELE_OK;
}

static stele_status read_head(stele_container_reader *reader, stele_error *err)
{
    static const char magic[4] = {'O', 'b', 'j', 1};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_status status = read_bytes(reader, sizeof magic, &bytes, err);
    if (ferror(reader->file) != 0) return status;
    if (status < 0 || memcmp(bytes.data, magic, sizeof magic) != 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is no Avro object container file: it does not begin with Obj and 1",
                          reader->name);
    if ((status = read_entries(reader, err)) < 0) return status;
    stele_buffer_reset(&bytes);
    if ((status = read_bytes(reader, sizeof reader->sync, &bytes, err)) < 0) return status;
    memcpy(reader->sync, bytes.data, sizeof reader->sync);
    return find_codec(reader, err);
}

stele_status stele_container_reader_new(FILE *file, const char *name, stele_container_reader **out,
                                        stele_error *err)
{
    STELE_AUTO(stele_container_reader) reader = stele_alloc(sizeof *reader);
    reader->file = file;
    reader->name = name;
    reader->block = -1;
    stele_status status = read_head(reader, err);
    if (status < 0) return status;
    *out = reader;
    reader = NULL;
    return STELE_OK;
}

void stele_container_reader_free(stele_container_reader *reader)
{
    if (reader == NULL) return;
    if (reader->is_deflated) inflateEnd(&reader->inflate);
    stele_zstd_free(reader->zstd);
    for (size_t i = 0; i < reader->entry_count; i++) {
        free(reader->entries[i].name);
        stele_buffer_clear(&reader->entries[i].value);
    }
    free(reader->entries);
    stele_buffer_clear(&reader->packed);
    stele_buffer_clear(&reader->data);
    free(reader);
}

stele_bytes stele_container_metadata(const stele_container_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->entry_count; i++)
        if (reader->entries[i].name != NULL && strcmp(reader->entries[i].name, name) == 0)
            return stele_buffer_view(&reader->entries[i].value);
    return (stele_bytes){NULL, 0};
}

/* ---- blocks ---- */

static stele_status inflate_block(stele_container_reader *reader, stele_error *err)
{
    z_stream *stream = &reader->inflate;
    stele_buffer_reset(&reader->data);
    inflateReset(stream);
    stream->next_in = reader->packed.data;
    stream->avail_in = (uInt)reader->packed.size; /* limited by STELE_CONTAINER_BLOCK_MAX */
    int done;
    do {
        if (reader->data.size > STELE_CONTAINER_BLOCK_MAX)
            return too_large(reader, "a block", (int64_t)reader->data.size,
                             STELE_CONTAINER_BLOCK_MAX, err);
        stream->next_out = stele_buffer_reserve(&reader->data, PIECE_SIZE);
        stream->avail_out = PIECE_SIZE;
        done = inflate(stream, Z_NO_FLUSH);
        reader->data.size += PIECE_SIZE - stream->avail_out;
    } while (done == Z_OK);
    if (done != Z_STREAM_END || stream->avail_in > 0)
        return damaged(reader, "what is compressed in it cannot be unpacked", err);
    return STELE_OK;
}

static stele_status unpack_block(stele_container_reader *reader, stele_error *err)
{
    if (reader->is_deflated) return inflate_block(reader, err);
    if (reader->zstd == NULL) return STELE_OK;
    stele_buffer_reset(&reader->data);
    if (!stele_zstd_unpack(reader->zstd, stele_buffer_view(&reader->packed),
                           STELE_CONTAINER_BLOCK_MAX, &reader->data))
        return damaged(reader, "what is compressed in it cannot be unpacked", err);
    if (reader->data.size > STELE_CONTAINER_BLOCK_MAX)
        return too_large(reader, "a block", (int64_t)reader->data.size, STELE_CONTAINER_BLOCK_MAX,
                         err);
    return STELE_OK;
}

static stele_status check_sync(stele_container_reader *reader, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) mark = {0};
    stele_status status = read_bytes(reader, sizeof reader->sync, &mark, err);
    if (status < 0 || memcmp(mark.data, reader->sync, sizeof reader->sync) == 0) return status;
    return damaged(reader, "the mark that ends a block is not there", err);
}

int stele_container_next(stele_container_reader *reader, stele_container_block *out,
                         stele_error *err)
{
    int first = getc(reader->file);
    if (first == EOF && ferror(reader->file) != 0) return cut_off(reader, err);
    if (first == EOF) return 0;
    ungetc(first, reader->file);
    reader->block = reader->position;
    stele_buffer_reset(&reader->packed);
    int64_t count;
    stele_status status = read_long(reader, &count, err);
    if (status == STELE_OK && count <= 0)
        return damaged(reader, "a block has at least one datum", err);
    if (status == STELE_OK)
        status = read_sized(reader, "a block", STELE_CONTAINER_BLOCK_MAX, &reader->packed, err);
    if (status == STELE_OK) status = check_sync(reader, err);
    if (status == STELE_OK) status = unpack_block(reader, err);
    if (status < 0) return status;
    bool was_packed = reader->is_deflated || reader->zstd != NULL;
    *out = (stele_container_block){
        .position = reader->block,
        .count = count,
        .data = stele_buffer_view(was_packed ? &reader->data : &reader->packed)};
    return 1;
}
