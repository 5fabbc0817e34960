/* SPDX-License-Identifier: MIT
 * Events of every Avro type as the parameters of statements. The values are printed, one statement
 * to a line, and compared as text. */
#include <inttypes.h>

#include <stele/json.h>

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "projections/sql_bind.h"
#include "tests/support/test.h"

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"Sold\",\"namespace\":\"shop\",\"fields\":["
    "{\"name\":\"nothing\",\"type\":\"null\"},"
    "{\"name\":\"paid\",\"type\":\"boolean\"},"
    "{\"name\":\"count\",\"type\":\"int\"},"
    "{\"name\":\"large\",\"type\":\"long\"},"
    "{\"name\":\"small\",\"type\":\"float\"},"
    "{\"name\":\"ratio\",\"type\":\"double\"},"
    "{\"name\":\"raw\",\"type\":\"bytes\"},"
    "{\"name\":\"hash\",\"type\":{\"type\":\"fixed\",\"name\":\"Hash\",\"size\":2}},"
    "{\"name\":\"text\",\"type\":\"string\"},"
    "{\"name\":\"id\",\"type\":{\"type\":\"string\",\"logicalType\":\"uuid\"}},"
    "{\"name\":\"color\",\"type\":{\"type\":\"enum\",\"name\":\"Color\",\"symbols\":[\"RED\","
    "\"BLUE\"]}},"
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
    "\"scale\":2}},"
    "{\"name\":\"wide\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":30,"
    "\"scale\":3}},"
    "{\"name\":\"day\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
    "{\"name\":\"clock\",\"type\":{\"type\":\"int\",\"logicalType\":\"time-millis\"}},"
    "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"local\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}},"
    "{\"name\":\"customer\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Customer\","
    "\"fields\":[{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"email\",\"type\":[\"null\","
    "\"string\"]}]}]},"
    "{\"name\":\"payment\",\"type\":[\"null\",\"int\",{\"type\":\"record\",\"name\":\"Card\","
    "\"fields\":[{\"name\":\"number\",\"type\":\"string\"},{\"name\":\"fee\",\"type\":\"int\"}]},"
    "{\"type\":\"record\",\"name\":\"Cash\",\"fields\":[{\"name\":\"fee\",\"type\":\"int\"}]}]},"
    "{\"name\":\"items\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
    "\"Item\",\"fields\":[{\"name\":\"sku\",\"type\":\"string\"},{\"name\":\"quantity\",\"type\":"
    "\"int\"}]}}},"
    "{\"name\":\"tags\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"string\"]}]},"
    "{\"name\":\"notes\",\"type\":{\"type\":\"map\",\"values\":\"long\"}}]}";

static const char full[] =
    "{\"nothing\":null,\"paid\":true,\"count\":-7,\"large\":9007199254740993,\"small\":0.5,"
    "\"ratio\":2.25,\"raw\":\"AAH/\",\"hash\":\"q80=\",\"text\":\"caf\xc3\xa9\",\"id\":"
    "\"8d4f3c52-0000-7000-8000-000000000001\",\"color\":\"BLUE\",\"price\":\"88.60\",\"wide\":"
    "\"-123456789012345678901.500\",\"day\":\"1997-01-18\",\"clock\":\"09:30:15.250\",\"at\":"
    "\"2024-05-01T09:30:00.000001Z\",\"local\":\"2024-05-01T09:30:00.000\",\"customer\":{\"name\":"
    "\"Ann\",\"email\":null},\"payment\":{\"shop.Card\":{\"number\":\"4711\",\"fee\":3}},\"items\":"
    "[{"
    "\"sku\":\"a\",\"quantity\":1},{\"sku\":\"b\",\"quantity\":2}],\"tags\":[\"x\",null],\"notes\":"
    "{\"k\":5,\"l\":6}}";

typedef struct scene {
    stele_schema *schema;
    stele_type *type;
    stele_arena *arena;
    void *value;
    stele_buffer printed;
} scene;

static int begin_scene(void **state)
{
    stele_error err;
    scene *own = stele_alloc(sizeof *own);
    if (stele_schema_parse(stele_text(schema_text), NULL, &own->schema, &err) < 0 ||
        stele_type_new(own->schema, &own->type, &err) < 0)
        fail_msg("%s", err.text);
    own->arena = stele_arena_new();
    own->value = stele_alloc(own->type->layout->size);
    *state = own;
    return 0;
}

static int end_scene(void **state)
{
    scene *own = *state;
    stele_type_free(own->type);
    stele_schema_free(own->schema);
    stele_arena_free(own->arena);
    stele_buffer_clear(&own->printed);
    free(own->value);
    free(own);
    return 0;
}

static stele_sql_file *parse(const char *block)
{
    STELE_AUTO(char) text = stele_strdup_format("-- source: shop.events\n%s\n", block);
    stele_sql_file *file;
    stele_error err;
    if (stele_sql_file_parse("t.sql", stele_text(text), STELE_SQL_SQLITE, &file, &err) < 0)
        fail_msg("%s", err.text);
    return file;
}

static void print_value(stele_buffer *out, const stele_sql_value *value)
{
    switch (value->kind) {
    case STELE_SQL_NULL:
        stele_buffer_format(out, " null");
        break;
    case STELE_SQL_BOOLEAN:
        stele_buffer_format(out, value->as.integer != 0 ? " true" : " false");
        break;
    case STELE_SQL_INTEGER:
        stele_buffer_format(out, " %" PRId64, value->as.integer);
        break;
    case STELE_SQL_REAL:
        stele_buffer_format(out, " %gr", value->as.real);
        break;
    case STELE_SQL_TEXT:
        stele_buffer_format(out, " '%.*s'", (int)value->as.bytes.size,
                            (const char *)value->as.bytes.data);
        break;
    case STELE_SQL_BYTES:
        stele_buffer_format(out, " x");
        for (size_t i = 0; i < value->as.bytes.size; i++)
            stele_buffer_format(out, "%02x", value->as.bytes.data[i]);
        break;
    }
}

static void print_row(void *context, size_t statement, const stele_sql_value *values, size_t count)
{
    stele_buffer *out = context;
    stele_buffer_format(out, "%zu:", statement);
    for (size_t i = 0; i < count; i++)
        print_value(out, &values[i]);
    stele_buffer_push(out, '\n');
}

/* The rows that a block makes of an event, as text. */
static const char *bind(scene *own, const char *block, const char *json)
{
    STELE_AUTO(stele_sql_file) file = parse(block);
    STELE_AUTO(stele_sql_bind) bound = NULL;
    stele_error err;
    bool is_any = strcmp(file->blocks[0].type, "*") == 0;
    if (stele_sql_bind_new(file, &file->blocks[0], is_any ? NULL : own->type, &bound, &err) < 0 ||
        stele_json_read(own->type, stele_text(json), STELE_JSON_PLAIN, NULL, own->value, own->arena,
                        &err) < 0)
        fail_msg("%s", err.text);
    stele_record record = {.offset = 42, .timestamp_ms = 1714555800123, .key = stele_text("k-1")};
    stele_batch batch = {.partition = {"shop.events", 3}, .records = &record, .count = 1};
    stele_sql_event event = {.type = own->type,
                             .data = own->value,
                             .record = &record,
                             .source = batch.partition,
                             .batch = &batch};
    stele_arena *arena = stele_arena_new();
    stele_buffer_reset(&own->printed);
    if (stele_sql_bind_event(bound, &event, arena, print_row, &own->printed, &err) < 0)
        fail_msg("%s", err.text);
    stele_arena_free(arena);
    return stele_buffer_text(&own->printed);
}

static void every_type_has_a_value(void **state)
{
    scene *own = *state;
    assert_string_equal(bind(own,
                             "-- on shop.Sold\nSELECT :nothing, :paid, :count, :large, :small, "
                             ":ratio, :raw, :hash, :text, :id, :color",
                             full),
                        "0: null true -7 9007199254740993 0.5r 2.25r x0001ff xabcd 'caf\xc3\xa9' "
                        "'8d4f3c52-0000-7000-8000-000000000001' 'BLUE'\n");
    assert_string_equal(
        bind(own, "-- on shop.Sold\nSELECT :price, :wide, :day, :clock, :at, :local", full),
        "0: '88.60' '-123456789012345678901.500' '1997-01-18' '09:30:15.250' "
        "'2024-05-01T09:30:00.000001Z' '2024-05-01T09:30:00.000'\n");
}

static void every_parameter_has_a_type(void **state)
{
    scene *own = *state;
    static const struct {
        const char *path;
        stele_sql_type type;
    } cases[] = {
        {"nothing", STELE_SQL_TYPE_ANY},
        {"paid", STELE_SQL_TYPE_BOOLEAN},
        {"count", STELE_SQL_TYPE_INT},
        {"large", STELE_SQL_TYPE_LONG},
        {"small", STELE_SQL_TYPE_FLOAT},
        {"ratio", STELE_SQL_TYPE_DOUBLE},
        {"raw", STELE_SQL_TYPE_BYTES},
        {"hash", STELE_SQL_TYPE_BYTES},
        {"text", STELE_SQL_TYPE_TEXT},
        {"id", STELE_SQL_TYPE_UUID},
        {"color", STELE_SQL_TYPE_TEXT},
        {"price", STELE_SQL_TYPE_DECIMAL},
        {"day", STELE_SQL_TYPE_DATE},
        {"clock", STELE_SQL_TYPE_TIME},
        {"at", STELE_SQL_TYPE_TIMESTAMP},
        {"local", STELE_SQL_TYPE_LOCAL_TIMESTAMP},
        {"customer", STELE_SQL_TYPE_JSON},
        {"customer.email", STELE_SQL_TYPE_TEXT},
        {"payment", STELE_SQL_TYPE_ANY}, /* a number or a record */
        {"payment.number", STELE_SQL_TYPE_TEXT},
        {"items", STELE_SQL_TYPE_JSON},
        {"tags", STELE_SQL_TYPE_JSON},
        {"notes.l", STELE_SQL_TYPE_LONG},
        {"$key", STELE_SQL_TYPE_TEXT},
        {"$version", STELE_SQL_TYPE_LONG},
        {"$partition", STELE_SQL_TYPE_INT},
        {"$time", STELE_SQL_TYPE_TIMESTAMP},
        {"$data", STELE_SQL_TYPE_JSON},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char)
        block = stele_strdup_format("-- on shop.Sold\nSELECT :%s", cases[i].path);
        STELE_AUTO(stele_sql_file) file = parse(block);
        STELE_AUTO(stele_sql_bind) bound = NULL;
        stele_error err;
        if (stele_sql_bind_new(file, &file->blocks[0], own->type, &bound, &err) < 0)
            fail_msg("%s", err.text);
        if (stele_sql_bind_type(bound, 0, 0) != cases[i].type) fail_msg("%s", cases[i].path);
    }
}

static void what_is_nested_is_json_or_reached_by_a_path(void **state)
{
    scene *own = *state;
    assert_string_equal(bind(own,
                             "-- on shop.Sold\nSELECT :customer.name, :customer.email, :customer, "
                             ":payment.number, :payment, :items, :notes, :notes.l, :notes.m, :tags",
                             full),
                        "0: 'Ann' null '{\"name\":\"Ann\",\"email\":null}' '4711' "
                        "'{\"number\":\"4711\",\"fee\":3}' "
                        "'[{\"sku\":\"a\",\"quantity\":1},{\"sku\":\"b\",\"quantity\":2}]' "
                        "'{\"k\":5,\"l\":6}' 6 null '[\"x\",null]'\n");
}

/* The full event with a part of it replaced. Caller frees. */
static char *with(const char *from, const char *to)
{
    const char *at = strstr(full, from);
    assert_non_null(at);
    return stele_strdup_format("%.*s%s%s", (int)(at - full), full, to, at + strlen(from));
}

static void what_is_absent_is_null(void **state)
{
    scene *own = *state;
    STELE_AUTO(char) nobody = with("{\"name\":\"Ann\",\"email\":null}", "null");
    STELE_AUTO(char)
    another = with("{\"shop.Card\":{\"number\":\"4711\",\"fee\":3}}", "{\"int\":77}");
    assert_string_equal(
        bind(own, "-- on shop.Sold\nSELECT :customer.name, :customer.email, :customer", nobody),
        "0: null null null\n");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :payment.number, :payment", another),
                        "0: null 77\n");
}

static void nan_is_text(void **state)
{
    scene *own = *state;
    STELE_AUTO(char) json = with("2.25", "\"NaN\"");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :ratio", json), "0: 'NaN'\n");
}

static void the_odd_values_of_each_type_are_kept(void **state)
{
    scene *own = *state;
    STELE_AUTO(char) infinite = with("2.25", "\"-Infinity\"");
    STELE_AUTO(char) early = with("1997-01-18", "1969-12-31");
    STELE_AUTO(char) negative = with("88.60", "-0.05");
    STELE_AUTO(char) wide = with("-123456789012345678901.500", "-999999999999999999999999999.999");
    STELE_AUTO(char)
    empty = with("[{\"sku\":\"a\",\"quantity\":1},{\"sku\":\"b\",\"quantity\":2}]", "[]");
    STELE_AUTO(char) blank = with("caf\xc3\xa9", "");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :ratio", infinite), "0: -infr\n");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :day", early), "0: '1969-12-31'\n");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :price", negative), "0: '-0.05'\n");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :wide", wide),
                        "0: '-999999999999999999999999999.999'\n");
    assert_string_equal(bind(own, "-- on shop.Sold each items\nSELECT :items.sku", empty), "");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :items, :text", empty),
                        "0: '[]' 'caf\xc3\xa9'\n");
    assert_string_equal(bind(own, "-- on shop.Sold\nSELECT :text", blank), "0: ''\n");
}

static void what_is_walked_gives_a_row_for_each_item(void **state)
{
    scene *own = *state;
    assert_string_equal(bind(own,
                             "-- on shop.Sold each items\nSELECT :text, :items.sku, :$index, "
                             ":items;\nSELECT :items.quantity",
                             full),
                        "0: 'caf\xc3\xa9' 'a' 0 '{\"sku\":\"a\",\"quantity\":1}'\n1: 1\n"
                        "0: 'caf\xc3\xa9' 'b' 1 '{\"sku\":\"b\",\"quantity\":2}'\n1: 2\n");
    assert_string_equal(bind(own, "-- on shop.Sold each tags\nSELECT :tags", full),
                        "0: 'x'\n0: null\n");
    assert_string_equal(bind(own, "-- on shop.Sold each notes\nSELECT :$entry, :notes", full),
                        "0: 'k' 5\n0: 'l' 6\n");
}

static void the_record_has_parameters_too(void **state)
{
    scene *own = *state;
    assert_string_equal(
        bind(own,
             "-- on shop.Sold\nSELECT :$key, :$time, :$offset, :$partition, :$topic, "
             ":$position, :$type",
             full),
        "0: 'k-1' '2024-05-01T09:30:00.123Z' 42 3 'shop.events' 'shop.events/3/42' 'shop.Sold'\n");
    const char *all = bind(own, "-- on *\nSELECT :$data", full);
    assert_non_null(strstr(all, "\"count\":-7,\"large\":9007199254740993"));
}

static void what_cannot_be_bound_is_named_with_its_line(void **state)
{
    scene *own = *state;
    static const struct {
        const char *block;
        const char *says;
    } cases[] = {
        {"-- on shop.Sold\nSELECT :cuont", "t.sql:3: :cuont: shop.Sold has no field \"cuont\"; did "
                                           "you mean count?"},
        {"-- on shop.Sold\nSELECT 1,\n  :customer.nmae", "t.sql:4: :customer.nmae: shop.Customer "
                                                         "has no field \"nmae\""},
        {"-- on shop.Sold\nSELECT :xyz", "it has nothing, paid, count"},
        {"-- on shop.Sold\nSELECT :price.cents", "\"cents\" is in a bytes, which has no fields"},
        {"-- on shop.Sold\nSELECT :items.sku", "walk them with `-- on shop.Sold each PATH`"},
        {"-- on shop.Sold\nSELECT :payment.fee", "several branches of the union have a field"},
        {"-- on shop.Sold\nSELECT :payment.iban", "no branch of the union has a field \"iban\""},
        {"-- on shop.Sold\nSELECT :$offest", "there is no such parameter: there are $key"},
        {"-- on shop.Sold\nSELECT :$index", "nothing is walked here"},
        {"-- on shop.Sold each items\nSELECT :$entry", "its items have an :$index"},
        {"-- on shop.Sold each count\nSELECT 1", "t.sql:2: :count: it is neither an array nor a "
                                                 "map"},
        {"-- on shop.Sold each itmes\nSELECT 1", "t.sql:2: :itmes: shop.Sold has no field"},
        {"-- on shop.Sold each items\nSELECT :items.skuu", "did you mean sku?"},
        {"-- on *\nSELECT :count", "events of any type have no fields in common"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(stele_sql_file) file = parse(cases[i].block);
        stele_sql_bind *bound = NULL;
        stele_error err = {0};
        bool is_any = strcmp(file->blocks[0].type, "*") == 0;
        assert_int_equal(
            stele_sql_bind_new(file, &file->blocks[0], is_any ? NULL : own->type, &bound, &err),
            STELE_E_INVALID);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s\nsays: %s\nwanted: %s", cases[i].block, err.text, cases[i].says);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_type_has_a_value),
        CASE(every_parameter_has_a_type),
        CASE(what_is_nested_is_json_or_reached_by_a_path),
        CASE(what_is_absent_is_null),
        CASE(nan_is_text),
        CASE(the_odd_values_of_each_type_are_kept),
        CASE(what_is_walked_gives_a_row_for_each_item),
        CASE(the_record_has_parameters_too),
        CASE(what_cannot_be_bound_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
