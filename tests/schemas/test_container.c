/* SPDX-License-Identifier: MIT
 * schemas/container_*.c: what is written is read back, and what is damaged says where. */
#include "tests/support/test.h"

#include <zlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "schemas/container.h"
#include "schemas/container_zstd.h"

enum { DATA = 200, BLOCK = 1000 };

static const uint8_t sync_mark[STELE_CONTAINER_SYNC_SIZE] = "0123456789abcde";

static void make_datum(int index, stele_buffer *out)
{
    for (int i = 0; i <= index % 37; i++)
        stele_buffer_format(out, "%d,", index * i);
}

/* A file of DATA data in blocks of some thousand bytes. */
static stele_buffer make_file(stele_container_codec codec)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    const stele_container_entry metadata[] = {{"avro.schema", stele_text("\"bytes\"")},
                                              {"own", stele_bytes_of("a\0b", 3)}};
    stele_container_options options = {.file = file,
                                       .name = "t.avro",
                                       .metadata = metadata,
                                       .metadata_count = 2,
                                       .codec = codec,
                                       .block_size = BLOCK};
    memcpy(options.sync, sync_mark, sizeof sync_mark);
    stele_container_writer *writer;
    stele_error err;
    assert_int_equal(stele_container_writer_new(&options, &writer, &err), STELE_OK);
    for (int i = 0; i < DATA; i++) {
        make_datum(i, stele_container_datum(writer));
        assert_int_equal(stele_container_put(writer, &err), STELE_OK);
    }
    assert_int_equal(stele_container_finish(writer, &err), STELE_OK);
    stele_container_writer_free(writer);
    stele_buffer bytes = {0};
    rewind(file);
    for (int byte; (byte = getc(file)) != EOF;)
        stele_buffer_push(&bytes, (uint8_t)byte);
    fclose(file);
    return bytes;
}

/* Read all of it. @param out  the data of all blocks; cleared by the caller */
static int read_file(stele_bytes bytes, stele_buffer *out, int64_t *count, stele_error *err)
{
    FILE *file = fmemopen((void *)bytes.data, bytes.size, "rb");
    assert_non_null(file);
    stele_container_reader *reader = NULL;
    stele_container_block block;
    int got = stele_container_reader_new(file, "t.avro", &reader, err);
    *count = 0;
    while (got >= 0 && (got = stele_container_next(reader, &block, err)) > 0) {
        *count += block.count;
        stele_buffer_append(out, block.data);
    }
    stele_container_reader_free(reader);
    fclose(file);
    return got;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) expected = {0};
    for (int i = 0; i < DATA; i++)
        make_datum(i, &expected);
    int last = stele_zstd_is_built() ? STELE_CONTAINER_ZSTANDARD : STELE_CONTAINER_NULL;
    for (int codec = STELE_CONTAINER_DEFLATE; codec <= last; codec++) {
        STELE_AUTO_VALUE(stele_buffer) bytes = make_file((stele_container_codec)codec);
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        int64_t count;
        stele_error err;

        assert_int_equal(read_file(stele_buffer_view(&bytes), &out, &count, &err), 0);

        assert_int_equal(count, DATA);
        assert_int_equal(out.size, expected.size);
        assert_memory_equal(out.data, expected.data, out.size);
    }
}

static void what_is_said_of_a_file_is_handed_out(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(STELE_CONTAINER_DEFLATE);
    FILE *file = fmemopen(bytes.data, bytes.size, "rb");
    stele_container_reader *reader;
    assert_int_equal(stele_container_reader_new(file, "t.avro", &reader, NULL), STELE_OK);

    stele_bytes own = stele_container_metadata(reader, "own");
    stele_bytes codec = stele_container_metadata(reader, "avro.codec");

    assert_true(stele_bytes_equal(own, stele_bytes_of("a\0b", 3)));
    assert_true(stele_bytes_equal(codec, stele_text("deflate")));
    assert_null(stele_container_metadata(reader, "other").data);
    stele_container_reader_free(reader);
    fclose(file);
}

/* Blocks that are whole are all that can be told: how many there should be is the caller's. */
static void a_file_that_is_cut_off_says_at_which_byte(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(STELE_CONTAINER_DEFLATE);
    size_t whole = 0;
    for (size_t size = 1; size < bytes.size; size++) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        int64_t count;
        stele_error err = {0};
        int got = read_file(stele_bytes_of(bytes.data, size), &out, &count, &err);
        if (got == 0) {
            whole++;
            assert_true(count < DATA);
            continue;
        }
        assert_int_equal(got, STELE_E_INVALID);
        char byte[32];
        snprintf(byte, sizeof byte, "byte %zu,", size);
        if (size >= 4) assert_non_null(strstr(err.text, byte));
        if (size >= 4) assert_non_null(strstr(err.text, "it ends there"));
    }
    assert_true(whole > 3);
}

/* Each byte changed in turn: refused, or read as other data, for deflate has no checksum; never
 * more than there is. */
static void a_file_that_is_damaged_is_refused_or_read(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(STELE_CONTAINER_DEFLATE);
    size_t refused = 0;
    for (size_t at = 0; at < bytes.size; at += 7) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        int64_t count;
        stele_error err = {0};
        bytes.data[at] ^= 0x55;
        int got = read_file(stele_buffer_view(&bytes), &out, &count, &err);
        bytes.data[at] ^= 0x55;
        if (got == 0) continue;
        assert_true(got == STELE_E_INVALID || got == STELE_E_LIMIT);
        assert_int_equal(strncmp(err.text, "t.avro", 6), 0);
        refused++;
    }
    assert_true(refused > 50);
}

/* A frame has a checksum: what is damaged in a block is never read as something else. */
static void what_zstandard_has_packed_is_itself_or_refused(void **state)
{
    (void)state;
    if (!stele_zstd_is_built()) skip();
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(STELE_CONTAINER_ZSTANDARD), whole = {0};
    int64_t count;
    stele_error err = {0};
    size_t refused = 0, head = 120;
    assert_int_equal(read_file(stele_buffer_view(&bytes), &whole, &count, &err), 0);
    for (size_t at = head; at < bytes.size; at++) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        bytes.data[at] ^= 0x55;
        int got = read_file(stele_buffer_view(&bytes), &out, &count, &err);
        bytes.data[at] ^= 0x55;
        if (got < 0) refused++;
        if (got == 0)
            assert_true(stele_bytes_equal(stele_buffer_view(&out), stele_buffer_view(&whole)));
    }
    assert_true(refused > bytes.size - head - 100);
}

static void what_zstandard_unpacks_without_end_is_refused(void **state)
{
    (void)state;
    if (!stele_zstd_is_built()) skip();
    enum { PIECE = 1024 * 1024, TIMES = 300, MAX = 20 * PIECE };
    STELE_AUTO(uint8_t) zeros = stele_alloc(PIECE);
    STELE_AUTO_VALUE(stele_buffer) packed = {0}, out = {0};
    stele_zstd *zstd = stele_zstd_new();
    for (int i = 0; i < TIMES; i++)
        stele_zstd_pack(zstd, stele_bytes_of(zeros, PIECE), &packed);

    assert_true(stele_zstd_unpack(zstd, stele_buffer_view(&packed), MAX, &out));

    assert_true(out.size > MAX && out.size < 2 * MAX);
    stele_buffer_reset(&out);
    assert_false(stele_zstd_unpack(zstd, stele_bytes_of(packed.data, 20), MAX, &out));
    stele_zstd_free(zstd);
}

#define HEAD                                                                                       \
    "Obj\1\2\x14"                                                                                  \
    "avro.codec\x0e"                                                                               \
    "deflate"                                                                                      \
    "\0"                                                                                           \
    "0123456789abcdef"
#define PLAIN                                                                                      \
    "Obj\1\0"                                                                                      \
    "0123456789abcdef"

static void lengths_are_not_believed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        stele_status status;
        const char *text;
    } cases[] = {
#define CASE(bytes, status, text) {bytes, sizeof bytes - 1, status, text}
        CASE("PK\3\4", STELE_E_INVALID, "t.avro is no Avro object container file"),
        CASE("Ob", STELE_E_INVALID, "t.avro is no Avro object container file"),
        CASE("Obj\1\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", STELE_E_INVALID, "a size below 0"),
        CASE("Obj\1\2\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", STELE_E_LIMIT, "a name of"),
        CASE("Obj\1\2\2a\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", STELE_E_LIMIT, "an entry of"),
        CASE("Obj\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", STELE_E_INVALID,
             "a number of more than 10 bytes"),
        CASE("Obj\1\xfe\xff\xff\xff\x0f\0\0\0\0", STELE_E_INVALID, "it ends there"),
        CASE("Obj\1\2\x14"
             "avro.codec\x0c"
             "snappy"
             "\0"
             "0123456789abcdef",
             STELE_E_INVALID,
             "t.avro is compressed with the codec \"snappy\", and deflate, zstandard and null are "
             "read"),
        CASE(PLAIN "\0\0"
                   "0123456789abcdef",
             STELE_E_INVALID, "at least one datum"),
        CASE(PLAIN "\1\0"
                   "0123456789abcdef",
             STELE_E_INVALID, "at least one datum"),
        CASE(PLAIN "\2\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", STELE_E_LIMIT,
             "byte 32: a block of"),
        CASE(PLAIN "\2\xfe\xff\xff\xff\1", STELE_E_INVALID,
             "byte 27, in the block that begins at byte 21: it ends there"),
        CASE(PLAIN "\2\2x"
                   "0123456789abcdeF",
             STELE_E_INVALID, "byte 40, in the block that begins at byte 21: the mark"),
        CASE(HEAD "\2\2x"
                  "0123456789abcdef",
             STELE_E_INVALID, "cannot be unpacked"),
        CASE(HEAD "\2\6\3\0x"
                  "0123456789abcdef",
             STELE_E_INVALID, "cannot be unpacked"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        int64_t count;
        stele_error err = {0};

        int got = read_file(stele_bytes_of(cases[i].bytes, cases[i].size), &out, &count, &err);

        if (got != (int)cases[i].status || strstr(err.text, cases[i].text) == NULL)
            fail_msg("case %zu: %d, %s", i, got, err.text);
    }
}

/* What a megabyte of zeros takes, three hundred times. */
static void pack_zeros(stele_buffer *out)
{
    enum { PIECE = 1024 * 1024, TIMES = 300, RAW_DEFLATE = -15 };
    STELE_AUTO(uint8_t) zeros = stele_alloc(PIECE);
    uint8_t packed[16384];
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, RAW_DEFLATE, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = zeros;
    stream.avail_in = PIECE;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FULL_FLUSH), Z_OK);
    size_t size = sizeof packed - stream.avail_out;
    deflateEnd(&stream);
    for (int i = 0; i < TIMES; i++)
        stele_buffer_append(out, stele_bytes_of(packed, size));
}

static void what_unpacks_without_end_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) packed = {0}, bytes = {0}, out = {0};
    pack_zeros(&packed);
    stele_buffer_append(&bytes, stele_bytes_of(HEAD "\2", sizeof HEAD));
    uint8_t *at = stele_buffer_reserve(&bytes, 10);
    bytes.size += (size_t)(stele_write_long(at, (int64_t)packed.size) - at);
    stele_buffer_append(&bytes, stele_buffer_view(&packed));
    stele_buffer_append(&bytes, stele_text("0123456789abcdef"));
    int64_t count;
    stele_error err = {0};

    assert_int_equal(read_file(stele_buffer_view(&bytes), &out, &count, &err), STELE_E_LIMIT);

    assert_non_null(strstr(err.text, "a block of "));
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    FILE *file = fopen("/dev/full", "wb");
    if (file == NULL) skip();
    const stele_container_entry schema = {"avro.schema", stele_text("\"bytes\"")};
    stele_container_options options = {
        .file = file, .name = "full.avro", .metadata = &schema, .metadata_count = 1};
    stele_container_writer *writer;
    stele_error err = {0};
    assert_int_equal(stele_container_writer_new(&options, &writer, &err), STELE_OK);

    assert_int_equal(stele_container_finish(writer, &err), STELE_E_UNAVAILABLE);

    assert_string_equal(err.text, "full.avro cannot be written: No space left on device");
    stele_container_writer_free(writer);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_said_of_a_file_is_handed_out),
        cmocka_unit_test(a_file_that_is_cut_off_says_at_which_byte),
        cmocka_unit_test(a_file_that_is_damaged_is_refused_or_read),
        cmocka_unit_test(what_zstandard_has_packed_is_itself_or_refused),
        cmocka_unit_test(what_zstandard_unpacks_without_end_is_refused),
        cmocka_unit_test(lengths_are_not_believed),
        cmocka_unit_test(what_unpacks_without_end_is_refused),
        cmocka_unit_test(a_full_disk_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
