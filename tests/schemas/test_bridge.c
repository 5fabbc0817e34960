/* SPDX-License-Identifier: MIT
 * schemas/bridge.c: avro-c's values in and out, with what avro-c alone gets wrong. */
#include "tests/support/test.h"

#include <jansson.h>

#include <stele/avro.h>

#include "kinds.h"
#include "shared_cart.h"

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/schemas/random_value.h"

STELE_SCOPE(json_t, json_decref);
STELE_SCOPE(stele_avro, stele_avro_free);

static stele_plan *plan_from(const char *writer, const stele_type *type)
{
    STELE_AUTO(stele_schema) schema = NULL;
    stele_plan *plan;
    stele_error err;
    if (stele_schema_parse(stele_text(writer), NULL, &schema, &err) < 0 ||
        stele_plan_new(schema, type, NULL, &plan, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return plan;
}

static stele_avro *bridge_of(const stele_type *type)
{
    stele_avro *bridge;
    stele_error err;
    if (stele_avro_new(type, &bridge, &err) < 0) fail_msg("%s", err.text);
    return bridge;
}

/* Every type but a fixed of no bytes, which avro-c cannot hold. */
static stele_type *almost_everything(void)
{
    STELE_AUTO(json_t) document = json_loads(kinds_everything_type.schema, 0, NULL);
    json_t *fields = json_object_get(document, "fields");
    for (size_t i = json_array_size(fields); i-- > 0;) {
        const char *name = json_string_value(json_object_get(json_array_get(fields, i), "name"));
        if (strcmp(name, "none") == 0) json_array_remove(fields, i);
    }
    STELE_AUTO(char) text = json_dumps(document, 0);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_type *type;
    assert_int_equal(stele_schema_parse(stele_text(text), NULL, &schema, NULL), STELE_OK);
    assert_int_equal(stele_type_new(schema, &type, NULL), STELE_OK);
    return type;
}

static void random_values_come_back_as_the_same_bytes(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) almost = almost_everything();
    const stele_type *const types[] = {almost, &kinds_node_type, &kinds_chicken_type,
                                       &shared_cart_type};
    random_source source = {9};
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        STELE_AUTO(stele_avro) bridge = bridge_of(types[t]);
        STELE_AUTO(stele_plan) plan = plan_from(types[t]->schema, types[t]);
        STELE_AUTO(uint8_t) record = stele_alloc(types[t]->layout->size);
        avro_value_t value;
        avro_generic_value_new(stele_avro_class(bridge), &value);
        for (int i = 0; i < 200; i++) {
            STELE_AUTO_VALUE(stele_buffer) data = {0};
            STELE_AUTO_VALUE(stele_buffer) back = {0};
            stele_error err;
            stele_arena_reset(arena);
            random_value(&source, types[t], record, arena);
            assert_int_equal(stele_encode(types[t], record, &data, NULL), STELE_OK);

            stele_bytes bytes = stele_buffer_view(&data);
            if (stele_avro_value_read(bridge, plan, bytes, &value, &err) < 0 ||
                stele_avro_value_write(bridge, &value, &back, &err) < 0) {
                fail_msg("%s", err.text);
            }

            assert_true(stele_bytes_equal(bytes, stele_buffer_view(&back)));
        }
        avro_value_decref(&value);
    }
}

/* An older writer: avro-c alone refuses an added default and maps enums by position. */
static void what_an_older_writer_wrote_is_resolved(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_type) type = NULL;
    const char *reader = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                         "{\"name\":\"added\",\"type\":\"int\",\"default\":7},"
                         "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":"
                         "[\"NEW\",\"A\",\"B\"]}}]}";
    const char *writer = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                         "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":"
                         "[\"A\",\"B\"]}}]}";
    assert_int_equal(stele_schema_parse(stele_text(reader), NULL, &schema, NULL), STELE_OK);
    assert_int_equal(stele_type_new(schema, &type, NULL), STELE_OK);
    STELE_AUTO(stele_avro) bridge = bridge_of(type);
    STELE_AUTO(stele_plan) plan = plan_from(writer, type);
    avro_value_t value;
    avro_value_t field;
    int number;
    avro_generic_value_new(stele_avro_class(bridge), &value);

    assert_int_equal(stele_avro_value_read(bridge, plan, stele_bytes_of("\x02", 1), &value, NULL),
                     STELE_OK);

    avro_value_get_by_name(&value, "added", &field, NULL);
    assert_int_equal(avro_value_get_int(&field, &number), 0);
    assert_int_equal(number, 7);
    avro_value_get_by_name(&value, "e", &field, NULL);
    assert_int_equal(avro_value_get_enum(&field, &number), 0);
    assert_int_equal(number, 2);
    avro_value_decref(&value);
}

/* Six bytes that make avro-c alone allocate a gigabyte. */
static void hostile_bytes_never_reach_avro_c(void **state)
{
    (void)state;
    STELE_AUTO(stele_avro) bridge = bridge_of(&shared_cart_type);
    STELE_AUTO(stele_plan) plan = plan_from(shared_cart_type.schema, &shared_cart_type);
    avro_value_t value;
    stele_error err;
    avro_generic_value_new(stele_avro_class(bridge), &value);
    static const uint8_t data[] = {0x80, 0x80, 0x80, 0x80, 0x08, 0};

    assert_int_equal(
        stele_avro_value_read(bridge, plan, stele_bytes_of(data, sizeof data), &value, &err),
        STELE_E_INVALID);

    assert_int_equal(err.next, STELE_NEXT_REJECT);
    assert_non_null(strstr(err.text, "owner"));
    avro_value_decref(&value);
}

static void what_avro_c_does_not_check_is_refused_when_it_is_written(void **state)
{
    (void)state;
    STELE_AUTO(stele_avro) bridge = bridge_of(&shared_cart_type);
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    avro_value_t value;
    avro_value_t field;
    stele_error err;
    avro_generic_value_new(stele_avro_class(bridge), &value);
    avro_value_get_by_name(&value, "owner", &field, NULL);
    avro_value_set_string(&field, "somebody");
    avro_value_get_by_name(&value, "state", &field, NULL);
    avro_value_set_enum(&field, 99);

    assert_int_equal(stele_avro_value_write(bridge, &value, &out, &err), STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_REJECT);
    assert_int_equal(out.size, 0);

    avro_value_set_enum(&field, 1);
    avro_value_get_by_name(&value, "owner", &field, NULL);
    avro_value_set_string(&field, "\xff");
    assert_int_equal(stele_avro_value_write(bridge, &value, &out, &err), STELE_E_INVALID);
    avro_value_set_string(&field, "somebody");
    assert_int_equal(stele_avro_value_write(bridge, &value, &out, &err), STELE_OK);
    avro_value_decref(&value);
}

static void a_fixed_of_no_bytes_is_refused(void **state)
{
    (void)state;
    STELE_AUTO(stele_avro) bridge = bridge_of(&kinds_everything_type);
    STELE_AUTO(stele_plan) plan = plan_from(kinds_everything_type.schema, &kinds_everything_type);
    STELE_AUTO_VALUE(stele_buffer) data = {0};
    kinds_everything empty = {.flag = false};
    avro_value_t value;
    avro_generic_value_new(stele_avro_class(bridge), &value);
    assert_int_equal(stele_encode(&kinds_everything_type, &empty, &data, NULL), STELE_OK);

    assert_int_not_equal(
        stele_avro_value_read(bridge, plan, stele_buffer_view(&data), &value, NULL), STELE_OK);

    avro_value_decref(&value);
}

static void a_union_without_a_branch_is_refused(void **state)
{
    (void)state;
    STELE_AUTO(stele_avro) bridge = bridge_of(&kinds_part_type);
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    avro_value_t value;
    avro_value_t field;
    avro_generic_value_new(stele_avro_class(bridge), &value);
    avro_value_get_by_name(&value, "name", &field, NULL);
    avro_value_set_string(&field, "x");

    assert_int_equal(stele_avro_value_write(bridge, &value, &out, NULL), STELE_E_INVALID);

    avro_value_decref(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_values_come_back_as_the_same_bytes),
        cmocka_unit_test(what_an_older_writer_wrote_is_resolved),
        cmocka_unit_test(hostile_bytes_never_reach_avro_c),
        cmocka_unit_test(what_avro_c_does_not_check_is_refused_when_it_is_written),
        cmocka_unit_test(a_fixed_of_no_bytes_is_refused),
        cmocka_unit_test(a_union_without_a_branch_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
