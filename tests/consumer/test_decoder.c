/* SPDX-License-Identifier: MIT
 * From a record's value to a struct: what an id means, what is waited for, what is refused. */
#include "consumer/decoder.h"

#include <stele/codec.h>

#include "core/alloc.h"
#include "registry/wire.h"
#include "tests/support/shelf.h"
#include "tests/support/test.h"

#define PAID_V1                                                                                    \
    "{\"type\":\"record\",\"name\":\"t.Paid\",\"fields\":[{\"name\":\"cents\",\"type\":\"long\"}]" \
    "}"
#define PAID_V2                                                                                    \
    "{\"type\":\"record\",\"name\":\"t.Paid\",\"fields\":[{\"name\":\"cents\",\"type\":\"long\"}," \
    "{\"name\":\"by\",\"type\":\"string\",\"default\":\"?\"}]}"
#define PAID_TEXT                                                                                  \
    "{\"type\":\"record\",\"name\":\"t.Paid\",\"fields\":[{\"name\":\"cents\",\"type\":{"          \
    "\"type\":\"array\",\"items\":\"int\"}}]}"
#define OTHER "{\"type\":\"record\",\"name\":\"t.Other\",\"fields\":[]}"

typedef struct paid {
    int64_t cents;
    stele_bytes by;
} paid;

typedef struct fixture {
    stele_manual_clock time;
    stele_registry *registry;
    stele_type *type;
    const stele_type *types[2];
    stele_decoder *decoder;
} fixture;

static fixture *set_up(void)
{
    fixture *of = stele_alloc(sizeof *of);
    stele_schema *schema;
    of->registry = shelf_new("g", stele_runtime_manual(&of->time));
    assert_int_equal(stele_schema_parse(stele_text(PAID_V2), NULL, &schema, NULL), STELE_OK);
    assert_int_equal(stele_type_new(schema, &of->type, NULL), STELE_OK);
    stele_schema_free(schema);
    of->types[0] = of->type;
    stele_decoder_options options = {.registry = of->registry, .types = of->types};
    stele_decoder_new(&options, &of->decoder);
    return of;
}

static void tear_down(fixture *of)
{
    stele_decoder_free(of->decoder);
    stele_type_free(of->type);
    stele_registry_close(of->registry);
    free(of);
}

static int32_t put_on_shelf(fixture *of, const char *text)
{
    int32_t id;
    assert_int_equal(
        stele_registry_register(of->registry, "s", stele_text(text), NULL, 0, 0, &id, NULL),
        STELE_OK);
    return id;
}

/* Decode the Avro bytes of `payload` under an id. */
static stele_status decode(fixture *of, int32_t id, const char *payload, size_t size,
                           stele_decoded *out, stele_error *err)
{
    static stele_buffer value; /* what was decoded has views of it */
    stele_buffer_clear(&value);
    stele_wire_begin(&value, id);
    stele_buffer_append(&value, stele_bytes_of(payload, size));
    stele_status status = stele_decoder_decode(of->decoder, stele_buffer_view(&value), out, err);
    if (status < 0 || out->type == NULL) stele_buffer_clear(&value);
    return status;
}

static void assert_cents(fixture *of, int32_t id, const char *payload, size_t size, int64_t cents,
                         const char *by)
{
    stele_decoded decoded;
    stele_error err;
    if (decode(of, id, payload, size, &decoded, &err) < 0) fail_msg("%s", err.text);
    assert_ptr_equal(decoded.type, of->type);
    assert_string_equal(decoded.name, "t.Paid");
    const paid *found = decoded.data;
    assert_int_equal(found->cents, cents);
    assert_true(stele_bytes_equal(found->by, stele_text(by)));
    decode(of, 0, "", 0, &decoded, NULL); /* releases the buffer */
}

static void writers_of_all_versions_are_read_as_the_type(void **state)
{
    (void)state;
    fixture *of = set_up();
    int32_t first = put_on_shelf(of, PAID_V1);
    int32_t second = put_on_shelf(of, PAID_V2);
    for (int i = 0; i < 3; i++) {
        assert_cents(of, first, "\x0a", 1, 5, "?");
        assert_cents(of, second,
                     "\x0c\x06"
                     "Ann",
                     5, 6, "Ann");
    }
    tear_down(of);
}

static void ids_that_share_a_place_in_the_cache_do_not_mix(void **state)
{
    (void)state;
    fixture *of = set_up();
    int32_t first = put_on_shelf(of, PAID_V1);
    shelf_skip(of->registry, 255);
    int32_t second = put_on_shelf(of, PAID_V2);
    assert_int_equal(second, first + 256);
    for (int i = 0; i < 3; i++) {
        assert_cents(of, first, "\x0a", 1, 5, "?");
        assert_cents(of, second,
                     "\x0c\x02"
                     "B",
                     3, 6, "B");
    }
    tear_down(of);
}

static void a_record_of_another_type_is_named(void **state)
{
    (void)state;
    fixture *of = set_up();
    int32_t id = put_on_shelf(of, OTHER);
    stele_decoded decoded;
    assert_int_equal(decode(of, id, "", 0, &decoded, NULL), STELE_OK);
    assert_null(decoded.type);
    assert_string_equal(decoded.name, "t.Other");
    tear_down(of);
}

static void what_is_not_the_wire_format_is_refused(void **state)
{
    (void)state;
    fixture *of = set_up();
    const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } cases[] = {
        {"", 0, "a value of 0 bytes is not in the wire format"},
        {"\0\0\0\0", 4, "a value of 4 bytes is not in the wire format"},
        {"{\"a\":1}", 7, "a value that begins with 0x7b is not in the wire format"},
        {"\0\xff\xff\xff\xff\x02", 6, "schema id -1: ids are 1 to 2147483647"},
        {"\0\x80\0\0\0\x02", 6, "schema id -2147483648: ids are 1 to 2147483647"},
        {"\0\0\0\0\0\x02", 6, "schema id 0: ids are 1 to 2147483647"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_decoded decoded;
        stele_error err;
        assert_int_equal(stele_decoder_decode(of->decoder,
                                              stele_bytes_of(cases[i].bytes, cases[i].size),
                                              &decoded, &err),
                         STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        assert_non_null(strstr(err.text, cases[i].text));
    }
    tear_down(of);
}

static void bytes_that_are_not_of_their_schema_are_refused(void **state)
{
    (void)state;
    fixture *of = set_up();
    int32_t id = put_on_shelf(of, PAID_V2);
    const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"", 0},
                 {"\x0a", 1},
                 {"\x0a\x50"
                  "only",
                  6},
                 {"\x0a\x02"
                  "Bx",
                  4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_decoded decoded;
        stele_error err;
        assert_int_equal(decode(of, id, cases[i].bytes, cases[i].size, &decoded, &err),
                         STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    assert_cents(of, id,
                 "\x0c\x02"
                 "B",
                 3, 6, "B"); /* and the next one is fine */
    tear_down(of);
}

static void a_schema_that_the_type_cannot_read_stops(void **state)
{
    (void)state;
    fixture *of = set_up();
    int32_t id = put_on_shelf(of, PAID_TEXT);
    stele_decoded decoded;
    stele_error err;
    assert_int_equal(decode(of, id, "\x00", 1, &decoded, &err), STELE_E_INCOMPATIBLE);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    tear_down(of);
}

static void an_unknown_id_is_waited_for_a_minute(void **state)
{
    (void)state;
    fixture *of = set_up();
    stele_decoded decoded;
    stele_error err;
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_manual_clock_advance(&of->time, 59999);
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_manual_clock_advance(&of->time, 1);
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_string_equal(err.text, "the registry has not known schema id 7 for 60 s: register it "
                                  "there, or point [registry] at the registry that it is from");
    tear_down(of);
}

static void an_id_that_is_registered_meanwhile_is_read(void **state)
{
    (void)state;
    fixture *of = set_up();
    stele_decoded decoded;
    assert_int_equal(decode(of, 1, "\x0a", 1, &decoded, NULL), STELE_E_NOT_FOUND);
    stele_manual_clock_advance(&of->time, 30000);
    assert_int_equal(put_on_shelf(of, PAID_V1), 1);
    assert_cents(of, 1, "\x0a", 1, 5, "?");
    tear_down(of);
}

static void the_minute_does_not_run_while_the_registry_is_away(void **state)
{
    (void)state;
    fixture *of = set_up();
    stele_decoded decoded;
    stele_error err;
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_NOT_FOUND);
    stele_manual_clock_advance(&of->time, 50000);
    shelf_set_away(of->registry, true);
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_manual_clock_advance(&of->time, 3600000);
    shelf_set_away(of->registry, false);
    assert_int_equal(decode(of, 7, "", 0, &decoded, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    tear_down(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_of_all_versions_are_read_as_the_type),
        cmocka_unit_test(ids_that_share_a_place_in_the_cache_do_not_mix),
        cmocka_unit_test(a_record_of_another_type_is_named),
        cmocka_unit_test(what_is_not_the_wire_format_is_refused),
        cmocka_unit_test(bytes_that_are_not_of_their_schema_are_refused),
        cmocka_unit_test(a_schema_that_the_type_cannot_read_stops),
        cmocka_unit_test(an_unknown_id_is_waited_for_a_minute),
        cmocka_unit_test(an_id_that_is_registered_meanwhile_is_read),
        cmocka_unit_test(the_minute_does_not_run_while_the_registry_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
