/* SPDX-License-Identifier: MIT
 * cli/event_file_*.c: events come back as they were, with the ids of another registry; a file that
 * is damaged, cut off or no one's is refused with its place. */
#include "cli/event_file.h"

#include "core/alloc.h"
#include "registry/wire.h"
#include "schemas/scopes.h"
#include "tests/support/test.h"

#define V1                                                                                         \
    "{\"type\":\"record\",\"name\":\"bank.Paid\",\"fields\":[{\"name\":\"cents\",\"type\":"        \
    "\"long\"}]}"
#define V2                                                                                         \
    "{\"type\":\"record\",\"name\":\"bank.Paid\",\"fields\":[{\"name\":\"cents\",\"type\":"        \
    "\"long\"},"                                                                                   \
    "{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}]}"
#define OTHER                                                                                      \
    "{\"type\":\"record\",\"name\":\"Closed\",\"fields\":[{\"name\":\"why\",\"type\":{\"type\":"   \
    "\"enum\","                                                                                    \
    "\"name\":\"Why\",\"symbols\":[\"a\",\"b\"]}}]}"

static void add_schema(stele_event_schemas *schemas, int32_t id, const char *text)
{
    stele_schema *schema = NULL;
    assert_int_equal(stele_schema_parse(stele_text(text), NULL, &schema, NULL), STELE_OK);
    stele_event_schemas_add(schemas, id, schema);
}

static const stele_header headers[] = {{"ce_id", {(const uint8_t *)"x", 1}},
                                       {"", {NULL, 0}},
                                       {"ce_id", {(const uint8_t *)"\0\xff", 2}}};

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const stele_moved_event events[] = {
    {0, 5, 1000, BYTES("ada"), BYTES("\0\0\0\0\x0b\x02"), headers, 3},
    {0, 6, -1, BYTES("ada"), BYTES("\0\0\0\0\x07\x04\x04hi"), NULL, 0},
    {1, 0, 2000, {NULL, 0}, BYTES("\0\0\0\0\x09\x02"), headers, 1},
    {1, 1, 0, BYTES("bob"), {NULL, 0}, NULL, 0},                   /* a tombstone */
    {1, 2, 0, BYTES(""), BYTES(""), NULL, 0},                      /* what is no event at all: */
    {1, 3, 0, BYTES("c"), BYTES("hello"), NULL, 0},                /* no wire format */
    {1, 4, 0, BYTES("c"), BYTES("\0\0\0\1\0\1"), NULL, 0},         /* a schema that no one knows */
    {1, 5, 0, BYTES("c"), BYTES("\0\0\0\0\x0b\x02\x02"), NULL, 0}, /* too much for its schema */
};
#undef BYTES

static const stele_event_range ranges[] = {{0, 5, 7, 6, INT64_MIN}, {1, 0, 6, -1, 0}};

/* @param events_said  what the head says of their count, as an offset from the truth */
static stele_buffer make_file(int64_t more)
{
    STELE_AUTO_VALUE(stele_event_schemas) schemas = {0};
    add_schema(&schemas, 11, V1);
    add_schema(&schemas, 7, V2);
    add_schema(&schemas, 9, OTHER);
    FILE *file = tmpfile();
    assert_non_null(file);
    stele_event_file_options options = {.file = file,
                                        .name = "t.avro",
                                        .runtime = stele_runtime_system(),
                                        .topic = "account.events",
                                        .ranges = ranges,
                                        .range_count = 2,
                                        .key = stele_text("k"),
                                        .events = (int64_t)COUNT_OF(events) + more,
                                        .schemas = &schemas};
    STELE_AUTO(stele_event_file_writer) writer = NULL;
    stele_error err;
    assert_int_equal(stele_event_file_writer_new(&options, &writer, &err), STELE_OK);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        bool is_raw;
        assert_int_equal(stele_event_file_put(writer, &events[i], &is_raw, &err), STELE_OK);
        assert_int_equal(is_raw, i >= 4);
    }
    stele_status status = stele_event_file_finish(writer, &err);
    assert_int_equal(status, more == 0 ? STELE_OK : STELE_E_CONFLICT);
    stele_buffer bytes = {0};
    rewind(file);
    for (int byte; (byte = getc(file)) != EOF;)
        stele_buffer_push(&bytes, (uint8_t)byte);
    fclose(file);
    return bytes;
}

static void check_same(stele_bytes got, stele_bytes wanted)
{
    if (!stele_bytes_equal(got, wanted)) fail_msg("%zu bytes, wanted %zu", got.size, wanted.size);
}

/* The value with its schema's new id. */
static stele_buffer mapped(stele_bytes value)
{
    stele_buffer out = {0};
    int32_t id;
    stele_bytes payload;
    bool is_wire = stele_wire_split(value, &id, &payload);
    if (!is_wire || id > 11) {
        stele_buffer_append(&out, value);
        return out;
    }
    stele_wire_begin(&out, id + 1000);
    stele_buffer_append(&out, payload);
    return out;
}

/* Read all. @return how many there were, or the failure */
static int read_all(stele_bytes bytes, bool check, stele_error *err)
{
    FILE *file = fmemopen((void *)bytes.data, bytes.size, "rb");
    assert_non_null(file);
    STELE_AUTO(stele_event_file_reader) reader = NULL;
    int got = stele_event_file_reader_new(file, "t.avro", &reader, err);
    int count = 0;
    if (got == STELE_OK) {
        stele_event_schemas *schemas = stele_event_file_schemas(reader);
        for (size_t i = 0; i < schemas->count; i++)
            schemas->items[i]->target = schemas->items[i]->id + 1000;
        stele_moved_event event;
        for (; (got = stele_event_file_next(reader, &event, err)) > 0; count++) {
            if (!check) continue;
            const stele_moved_event *wanted = &events[count];
            STELE_AUTO_VALUE(stele_buffer) value = mapped(wanted->value);
            assert_int_equal(event.partition, wanted->partition);
            assert_int_equal(event.offset, wanted->offset);
            assert_int_equal(event.time_ms, wanted->time_ms);
            check_same(event.key, wanted->key);
            check_same(event.value,
                       wanted->value.data == NULL ? wanted->value : stele_buffer_view(&value));
            assert_int_equal(event.header_count, wanted->header_count);
            for (size_t i = 0; i < event.header_count; i++) {
                assert_string_equal(event.headers[i].name, wanted->headers[i].name);
                check_same(event.headers[i].value, wanted->headers[i].value);
            }
        }
    }
    fclose(file);
    return got < 0 ? got : count;
}

static void events_come_back_as_they_were_with_other_ids(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    stele_error err;

    assert_int_equal(read_all(stele_buffer_view(&bytes), true, &err), COUNT_OF(events));
}

static void the_head_says_what_the_file_is_of(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    STELE_AUTO(stele_event_file_reader) reader = NULL;
    FILE *file = fmemopen(bytes.data, bytes.size, "rb");
    size_t count;

    assert_int_equal(stele_event_file_reader_new(file, "t.avro", &reader, NULL), STELE_OK);

    assert_true(stele_bytes_equal(stele_event_file_key(reader), stele_text("k")));
    const stele_event_range *found = stele_event_file_ranges(reader, &count);
    assert_int_equal(count, COUNT_OF(ranges));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(found[i].partition, ranges[i].partition);
        assert_int_equal(found[i].from, ranges[i].from);
        assert_int_equal(found[i].until, ranges[i].until);
        assert_int_equal(found[i].last, ranges[i].last);
        assert_int_equal(found[i].last_hash, ranges[i].last_hash);
    }
    fclose(file);
}

static void the_schemas_of_events_are_in_the_file_as_they_were(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    FILE *file = fmemopen(bytes.data, bytes.size, "rb");
    STELE_AUTO(stele_event_file_reader) reader = NULL;
    assert_int_equal(stele_event_file_reader_new(file, "t.avro", &reader, NULL), STELE_OK);

    const stele_event_schemas *schemas = stele_event_file_schemas(reader);

    assert_int_equal(schemas->count, 3);
    check_same(stele_schema_source(schemas->items[0]->schema), stele_text(V2));
    check_same(stele_schema_source(schemas->items[1]->schema), stele_text(OTHER));
    check_same(stele_schema_source(schemas->items[2]->schema), stele_text(V1));
    assert_string_equal(stele_event_file_topic(reader), "account.events");
    assert_int_equal(stele_event_file_count(reader), COUNT_OF(events));
    fclose(file);
}

/* Two versions of one type, and a type without a namespace. */
static void the_schema_of_the_file_is_one_that_can_be_parsed(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    FILE *file = fmemopen(bytes.data, bytes.size, "rb");
    STELE_AUTO(stele_container_reader) reader = NULL;
    assert_int_equal(stele_container_reader_new(file, "t.avro", &reader, NULL), STELE_OK);
    stele_bytes text = stele_container_metadata(reader, "avro.schema");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err;

    assert_int_equal(stele_schema_parse(text, NULL, &schema, &err), STELE_OK);

    STELE_AUTO_VALUE(stele_buffer) canonical = {0};
    stele_schema_canonical(schema, &canonical);
    assert_non_null(strstr(
        stele_buffer_text(&canonical),
        "[\"null\",\"bytes\",{\"name\":\"bank.Paid\",\"type\":\"record\",\"fields\":[{\"name\":"
        "\"cents\",\"type\":\"long\"},{\"name\":\"note\",\"type\":\"string\"}]},{\"name\":"
        "\"Closed\",\"type\":\"record\",\"fields\":[{\"name\":\"why\",\"type\":{\"name\":\"Why\","
        "\"type\":\"enum\",\"symbols\":[\"a\",\"b\"]}}]},{\"name\":\"schema11.bank.Paid\","));
    fclose(file);
}

static void a_file_that_was_cut_off_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    for (size_t size = 1; size < bytes.size; size++) {
        stele_error err = {0};
        int got = read_all(stele_bytes_of(bytes.data, size), false, &err);
        if (got >= 0) fail_msg("%zu of %zu bytes: %d events", size, bytes.size, got);
        assert_int_equal(strncmp(err.text, "t.avro", 6), 0);
    }
}

/* What is said of the ranges and the doc of the schema does not matter here. */
static void a_byte_that_was_changed_is_found_or_changes_no_event(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) bytes = make_file(0);
    size_t head = 0; /* the blocks are behind the second mark from the end */
    FILE *file = fmemopen(bytes.data, bytes.size, "rb");
    stele_container_reader *reader;
    stele_container_block block;
    assert_int_equal(stele_container_reader_new(file, "t.avro", &reader, NULL), STELE_OK);
    assert_int_equal(stele_container_next(reader, &block, NULL), 1);
    head = (size_t)block.position;
    stele_container_reader_free(reader);
    fclose(file);
    for (size_t at = 0; at < bytes.size; at++) {
        for (unsigned bit = 0; bit < 8; bit += at < head ? 8 : 3) {
            stele_error err = {0};
            bytes.data[at] = (uint8_t)(bytes.data[at] ^ 1U << bit);
            int got = read_all(stele_buffer_view(&bytes), at >= head, &err);
            bytes.data[at] = (uint8_t)(bytes.data[at] ^ 1U << bit);
            if (at < head || got < 0) continue;
            assert_int_equal(got, COUNT_OF(events)); /* bits that fill up the last byte */
        }
    }
}

static void a_count_that_is_not_kept_is_an_error(void **state)
{
    (void)state;
    stele_buffer bytes = make_file(1);
    stele_buffer_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_as_they_were_with_other_ids),
        cmocka_unit_test(the_head_says_what_the_file_is_of),
        cmocka_unit_test(the_schemas_of_events_are_in_the_file_as_they_were),
        cmocka_unit_test(the_schema_of_the_file_is_one_that_can_be_parsed),
        cmocka_unit_test(a_file_that_was_cut_off_is_refused_wherever_it_ends),
        cmocka_unit_test(a_byte_that_was_changed_is_found_or_changes_no_event),
        cmocka_unit_test(a_count_that_is_not_kept_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
