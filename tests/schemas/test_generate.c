/* SPDX-License-Identifier: MIT
 * The code generator: what it makes compiles (as C and as C++, with the tree's warnings), lies in
 * memory as run-time types do, and reads and writes what the plan does. */
#include "tests/support/test.h"

#include "flag.h"
#include "hostile.h"
#include "kinds.h"
#include "names.h"
#include "shared_added.h"
#include "shared_cart.h"
#include "shared_removed.h"
#include "v1_flag.h"

#include "core/alloc.h"
#include "schemas/generate.h"
#include "schemas/scopes.h"
#include "tests/schemas/random_value.h"

bool stele_test_cpp_cart(void);

static const stele_type *const types[] = {
    &kinds_everything_type,    &kinds_part_type,        &kinds_node_type,
    &kinds_chicken_type,       &kinds_egg_type,         &kinds_empty_type,
    &names_names_type,         &names_names_count_type, &time__type,
    &shared_cart_type,         &shared_item_added_type, &shared_item_type,
    &shared_item_removed_type, &reader__type,           &value__type,
};

static stele_schema *schema_of(const stele_type *type)
{
    stele_schema *schema;
    stele_error err;
    if (stele_schema_parse(stele_text(type->schema), NULL, &schema, &err) < 0)
        fail_msg("%s", err.text);
    return schema;
}

static stele_type *run_time_type_of(const stele_type *type)
{
    STELE_AUTO(stele_schema) schema = schema_of(type);
    stele_type *made;
    assert_int_equal(stele_type_new(schema, &made, NULL), STELE_OK);
    return made;
}

static stele_plan *plan_of(const stele_type *type)
{
    STELE_AUTO(stele_schema) schema = schema_of(type);
    stele_plan *plan;
    stele_error err;
    if (stele_plan_new(schema, type, NULL, &plan, &err) < 0) fail_msg("%s", err.text);
    return plan;
}

/* Layouts. */

enum { PAIRS_MAX = 1000 };

typedef struct pairs {
    const stele_layout *seen[PAIRS_MAX];
    size_t count;
} pairs;

static void assert_same_layout(const stele_layout *a, const stele_layout *b, pairs *p);

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) assert_string_equal(a, b);
}

static void assert_same_member(const stele_member *a, const stele_member *b, pairs *p)
{
    assert_same_text(a->name, b->name);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->flag_offset, b->flag_offset);
    assert_int_equal(a->null_first, b->null_first);
    assert_int_equal(a->pointer, b->pointer);
    assert_int_equal(a->plain, b->plain);
    assert_int_equal(a->run, b->run);
    assert_same_text(a->standard, b->standard);
    assert_int_equal(a->layout == NULL, b->layout == NULL);
    if (a->layout != NULL) assert_same_layout(a->layout, b->layout, p);
}

static void assert_same_layout(const stele_layout *a, const stele_layout *b, pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->seen[i] == a) return;
    }
    assert_true(p->count < PAIRS_MAX);
    p->seen[p->count++] = a;
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->logical, b->logical);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->align, b->align);
    assert_same_text(a->name, b->name);
    assert_int_equal(a->fixed_size, b->fixed_size);
    assert_int_equal(a->precision, b->precision);
    assert_int_equal(a->scale, b->scale);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->stride, b->stride);
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->kind == STELE_KIND_ENUM) {
            assert_string_equal(a->symbols[i], b->symbols[i]);
        } else {
            assert_same_member(&a->members[i], &b->members[i], p);
        }
    }
    assert_int_equal(a->item == NULL, b->item == NULL);
    if (a->item != NULL) assert_same_member(a->item, b->item, p);
}

static void generated_structs_lie_in_memory_as_run_time_types_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        STELE_AUTO(stele_type) made = run_time_type_of(types[i]);
        pairs p = {.count = 0};

        assert_string_equal(types[i]->name, made->name);
        assert_same_layout(types[i]->layout, made->layout, &p);
    }
}

/* Round trips. */

typedef struct trip {
    const stele_type *type;
    stele_type slow; /* the same without its code */
    stele_plan *plan;
    stele_arena *arena;
    void *value;
    void *fast;
    void *other;
    stele_buffer bytes;
    stele_buffer slow_bytes;
} trip;

static void trip_init(trip *t, const stele_type *type)
{
    *t = (trip){.type = type, .slow = *type, .arena = stele_arena_new()};
    t->slow.encode = NULL;
    t->slow.decode = NULL;
    t->plan = plan_of(&t->slow);
    t->value = stele_alloc(type->layout->size);
    t->fast = stele_alloc(type->layout->size);
    t->other = stele_alloc(type->layout->size);
}

static void trip_clear(trip *t)
{
    stele_plan_free(t->plan);
    stele_arena_free(t->arena);
    free(t->value);
    free(t->fast);
    free(t->other);
    stele_buffer_clear(&t->bytes);
    stele_buffer_clear(&t->slow_bytes);
}

static void encode_both_ways(trip *t)
{
    stele_error err;
    stele_buffer_reset(&t->bytes);
    stele_buffer_reset(&t->slow_bytes);
    if (t->type->encode(t->value, &t->bytes, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(stele_encode(&t->slow, t->value, &t->slow_bytes, NULL), STELE_OK);
    assert_int_equal(t->bytes.size, t->slow_bytes.size);
    if (t->bytes.size != 0) assert_memory_equal(t->bytes.data, t->slow_bytes.data, t->bytes.size);
}

static void generated_code_writes_and_reads_what_the_plan_does(void **state)
{
    (void)state;
    random_source source = {20240501};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        trip t;
        trip_init(&t, types[i]);
        for (int round = 0; round < 300; round++) {
            stele_arena_reset(t.arena);
            random_value(&source, t.type, t.value, t.arena);
            encode_both_ways(&t);
            stele_bytes data = stele_buffer_view(&t.bytes);

            assert_int_equal(t.type->decode(data, t.fast, t.arena, NULL), STELE_OK);
            assert_int_equal(stele_plan_decode(t.plan, data, t.other, t.arena, NULL), STELE_OK);

            assert_true(stele_value_equal(t.type, t.value, t.fast));
            assert_true(stele_value_equal(t.type, t.value, t.other));
        }
        trip_clear(&t);
    }
}

/* Bytes that are cut off, changed or made longer: both refuse, or both read the same. */
static void generated_code_judges_bad_bytes_as_the_plan_does(void **state)
{
    (void)state;
    random_source source = {77};
    size_t refused = 0;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        trip t;
        trip_init(&t, types[i]);
        for (int round = 0; round < 1000; round++) {
            stele_arena_reset(t.arena);
            random_value(&source, t.type, t.value, t.arena);
            encode_both_ways(&t);
            size_t size = t.bytes.size;
            if (size > 0 && random_below(&source, 2) == 0) size = random_below(&source, size + 1);
            for (uint64_t flips = random_below(&source, 3); size > 0 && flips > 0; flips--)
                t.bytes.data[random_below(&source, size)] = (uint8_t)random_below(&source, 256);
            /* A copy of the very size, so that reading past it is found. */
            STELE_AUTO(uint8_t) copy = stele_alloc(size);
            if (size != 0) memcpy(copy, t.bytes.data, size);
            stele_bytes data = stele_bytes_of(copy, size);
            stele_error fast_err = {0};
            stele_error slow_err = {0};

            stele_status fast = t.type->decode(data, t.fast, t.arena, &fast_err);
            stele_status slow = stele_plan_decode(t.plan, data, t.other, t.arena, &slow_err);

            assert_int_equal(fast, slow);
            if (fast == STELE_OK) assert_true(stele_value_equal(t.type, t.fast, t.other));
            if (fast != STELE_OK) assert_string_equal(fast_err.text, slow_err.text);
            refused += fast != STELE_OK;
        }
        trip_clear(&t);
    }
    assert_true(refused > 1000);
}

static void a_value_that_does_not_fit_is_refused_with_its_path(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_error err;
    kinds_everything value = {.color = (kinds_color)3};
    kinds_part part = {.name = stele_text("\xff")};

    assert_int_equal(stele_encode(&kinds_everything_type, &value, &out, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "color"));
    assert_int_equal(stele_encode(&kinds_part_type, &part, &out, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "name"));

    assert_int_equal(out.size, 0);
}

static void an_empty_state_can_be_written_and_read(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    kinds_everything empty = {.flag = false};
    kinds_everything read;
    stele_error err;

    if (stele_encode(&kinds_everything_type, &empty, &out, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(kinds_everything_type.decode(stele_buffer_view(&out), &read, arena, NULL),
                     STELE_OK);

    assert_true(kinds_everything_equal(&empty, &read));
}

static void a_list_that_recurs_is_refused_past_the_depth(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    kinds_node nodes[200] = {{.value = 0}};
    for (size_t i = 0; i + 1 < COUNT_OF(nodes); i++) {
        nodes[i].has_next = true;
        nodes[i].next = &nodes[i + 1];
    }

    assert_int_equal(stele_encode(&kinds_node_type, &nodes[0], &out, NULL), STELE_E_LIMIT);
    assert_int_equal(stele_encode(&kinds_node_type, &nodes[180], &out, NULL), STELE_OK);
}

/* Helpers for owned values. */

static void arrays_grow_and_shrink_in_place(void **state)
{
    (void)state;
    shared_cart cart = {.state = SHARED_STATE_OPEN};
    for (int i = 0; i < 10; i++) {
        char sku[16];
        snprintf(sku, sizeof sku, "sku %d", i);
        shared_item *item = shared_cart_items_add(&cart.items);
        assert_null(item->sku.data);
        stele_text_set(&item->sku, stele_text(sku));
        item->cents = i;
        stele_text_set(shared_cart_notes_add(&cart.notes), stele_text(sku));
    }

    shared_cart_items_remove(&cart.items, 0);
    shared_cart_items_remove(&cart.items, 8);
    shared_cart_notes_remove(&cart.notes, 5);

    assert_int_equal(cart.items.count, 8);
    assert_int_equal(cart.items.items[0].cents, 1);
    assert_int_equal(cart.items.items[7].cents, 8);
    assert_int_equal(cart.notes.count, 9);
    assert_true(stele_bytes_equal(cart.notes.items[5], stele_text("sku 6")));

    shared_cart copy = {.state = SHARED_STATE_PAID};
    shared_cart_copy(&copy, &cart);
    assert_true(shared_cart_equal(&cart, &copy));
    stele_text_set(&shared_cart_items_add(&copy.items)->sku, stele_text("one more"));
    assert_false(shared_cart_equal(&cart, &copy));

    shared_cart_clear(&cart);
    shared_cart_clear(&copy);
    assert_int_equal(cart.items.count, 0);
}

static void maps_have_one_entry_for_a_key(void **state)
{
    (void)state;
    shared_cart cart = {.state = SHARED_STATE_OPEN};
    static const char *const keys[] = {"b", "a", "b", "c", "", "a"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        shared_cart_by_sku_add(&cart.by_sku, stele_text(keys[i]))->value.cents += 1;

    assert_int_equal(cart.by_sku.count, 4);
    assert_int_equal(shared_cart_by_sku_find(&cart.by_sku, stele_text("b"))->value.cents, 2);
    assert_null(shared_cart_by_sku_find(&cart.by_sku, stele_text("d")));
    assert_true(shared_cart_by_sku_remove(&cart.by_sku, stele_text("b")));
    assert_false(shared_cart_by_sku_remove(&cart.by_sku, stele_text("b")));
    assert_int_equal(cart.by_sku.count, 3);

    shared_cart_clear(&cart);
}

static void enums_know_their_symbols(void **state)
{
    (void)state;
    assert_string_equal(kinds_color_name(KINDS_COLOR_LIGHT_BLUE), "lightBlue");
    assert_string_equal(kinds_color_name((kinds_color)9), "?");
    assert_int_equal(NAMES_E_ONE, 0);
    assert_int_equal(NAMES_E_ONE_, 1);
}

static void names_that_are_taken_get_underscores(void **state)
{
    (void)state;
    names_names value = {.int_2_ = 1, .int_ = 2, .class_ = stele_text("c")};
    value.has_note_ = true;    /* of note, because there is a field has_note */
    value.has_has_note = true; /* of has_note */
    value.at_top.has_time = true;
    names_http_server_ other = {.empty = 0}; /* names.http_server, after names.HTTPServer */
    value.b = other;

    assert_int_equal(value.int_2_ + value.int_, 3);
}

static void an_enum_without_symbols_and_a_union_without_branches_have_no_value(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    flags_flag flag = {.has_kind = false};
    v1_flags_flag old = {.has_kind = false};
    const uint8_t none[] = {0, 0, 0};
    const uint8_t kind[] = {2, 0, 0, 0};
    const uint8_t gone[] = {0, 2, 0, 0};
    const uint8_t item[] = {0, 0, 2, 0, 0};

    assert_int_equal(stele_encode(&flags_flag_type, &flag, &out, NULL), STELE_OK);
    assert_int_equal(stele_encode(&v1_flags_flag_type, &old, &out, NULL), STELE_OK);
    assert_int_equal(out.size, 6);
    flag.has_kind = true;
    assert_int_equal(stele_encode(&flags_flag_type, &flag, &out, NULL), STELE_E_INVALID);
    flag = (flags_flag){.has_gone = true};
    assert_int_equal(stele_encode(&flags_flag_type, &flag, &out, NULL), STELE_E_INVALID);
    assert_int_equal(flags_flag_type.decode(stele_bytes_of(none, sizeof none), &flag, arena, NULL),
                     STELE_OK);
    const stele_bytes no_values[] = {stele_bytes_of(kind, sizeof kind),
                                     stele_bytes_of(gone, sizeof gone),
                                     stele_bytes_of(item, sizeof item)};
    for (size_t i = 0; i < COUNT_OF(no_values); i++) {
        assert_int_equal(flags_flag_type.decode(no_values[i], &flag, arena, NULL), STELE_E_INVALID);
    }
    assert_string_equal(flags_kind_name(FLAGS_KIND_NONE), "?");
}

static void the_header_serves_cpp(void **state)
{
    (void)state;
    assert_true(stele_test_cpp_cart());
}

/* The generator as a function. */

static stele_status generate(const char *schema_text, const stele_generate_options *options,
                             stele_buffer *header, stele_buffer *source, stele_error *err)
{
    STELE_AUTO(stele_schema) schema = NULL;
    assert_int_equal(stele_schema_parse(stele_text(schema_text), NULL, &schema, NULL), STELE_OK);
    return stele_generate(schema, options, header, source, err);
}

static void the_same_schema_makes_the_same_text(void **state)
{
    (void)state;
    const stele_generate_options options = {.name = "kinds"};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    STELE_AUTO_VALUE(stele_buffer) header_again = {0};
    STELE_AUTO_VALUE(stele_buffer) source_again = {0};
    const char *schema = kinds_everything_type.schema;

    assert_int_equal(generate(schema, &options, &header, &source, NULL), STELE_OK);
    assert_int_equal(generate(schema, &options, &header_again, &source_again, NULL), STELE_OK);

    assert_string_equal(stele_buffer_text(&header), stele_buffer_text(&header_again));
    assert_string_equal(stele_buffer_text(&source), stele_buffer_text(&source_again));
}

static void options_that_make_no_c_are_refused(void **state)
{
    (void)state;
    static const stele_generate_options cases[] = {
        {.name = NULL},
        {.name = ""},
        {.name = "a/b"},
        {.name = "time"},
        {.name = "Time"},
        {.name = "a", .prefix = "_a"},
        {.name = "a", .prefix = "1"},
        {.name = "a", .prefix = "a-b"},
    };
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    const char *schema = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}";
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(generate(schema, &cases[i], &header, &source, NULL), STELE_E_INVALID);
    }
    assert_int_equal(header.size + source.size, 0);

    const stele_generate_options prefixed = {.name = "a", .prefix = "v1_"};
    assert_int_equal(generate(schema, &prefixed, &header, &source, NULL), STELE_OK);
    assert_non_null(strstr(stele_buffer_text(&header), "typedef struct v1_r v1_r;"));
}

/* Names that depend on one another: the header of the second schema with and without the first. */
static void schemas_of_one_call_have_one_set_of_names(void **state)
{
    (void)state;
    const char *first = "{\"type\":\"record\",\"name\":\"a.b.C\",\"fields\":[]}";
    const char *second =
        "{\"type\":\"record\",\"name\":\"a_b.c\",\"fields\":[{\"name\":\"x\",\"type\":"
        "{\"type\":\"record\",\"name\":\"a.b.C\",\"fields\":[]}}]}";
    STELE_AUTO(stele_schema) before = NULL;
    assert_int_equal(stele_schema_parse(stele_text(first), NULL, &before, NULL), STELE_OK);
    const stele_schema *const list[] = {before, NULL};
    const stele_generate_options options = {.name = "second", .before = list};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};

    assert_int_equal(generate(second, &options, &header, &source, NULL), STELE_OK);

    assert_non_null(strstr(stele_buffer_text(&header), "struct a_b_c_ {\n    a_b_c x;\n"));
}

static void two_headers_of_one_file_name_are_both_read(void **state)
{
    (void)state;
    const stele_generate_options options = {.name = "a"};
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    generate("{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[]}", &options, &one, &source, NULL);
    generate("{\"type\":\"record\",\"name\":\"b.R\",\"fields\":[]}", &options, &other, &source,
             NULL);

    const char *first = strstr(stele_buffer_text(&one), "#ifndef ");
    const char *second = strstr(stele_buffer_text(&other), "#ifndef ");

    assert_memory_not_equal(first, second, strlen("#ifndef STELE_GENERATED_0123456789ABCDEF"));
}

static void put_record_of(stele_buffer *out, int i, const char *fields)
{
    stele_buffer_format(
        out, "%s{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[%s]}}",
        i == 0 ? "" : ",", i, i, fields);
}

/* Each record contains the one before it twice, and the first is empty: a walk over all values
 * would never end, and neither would one over all pairs of equal names. */
static void what_grows_is_not_walked(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) doubling = {0};
    STELE_AUTO_VALUE(stele_buffer) alike = {0};
    stele_buffer_format(&doubling, "{\"type\":\"record\",\"name\":\"Top\",\"fields\":[");
    put_record_of(&doubling, 0, "");
    for (int i = 1; i <= 22; i++) {
        STELE_AUTO(char)
        fields = stele_strdup_format(
            "{\"name\":\"a\",\"type\":\"R%d\"},{\"name\":\"b\",\"type\":\"R%d\"}", i - 1, i - 1);
        put_record_of(&doubling, i, fields);
    }
    for (int i = 0; i < 300; i++)
        stele_buffer_format(
            &doubling, ",{\"name\":\"l%d\",\"type\":{\"type\":\"array\",\"items\":\"R22\"}}", i);
    stele_buffer_format(&doubling, "]}");
    stele_buffer_format(&alike, "{\"type\":\"record\",\"name\":\"Top\",\"fields\":[");
    for (int i = 0; i < 4096; i++) {
        char name[16] = "abcdefghijkl";
        for (int bit = 0; bit < 12; bit++) {
            if ((i >> bit & 1) != 0) name[bit] = (char)(name[bit] - 'a' + 'A');
        }
        stele_buffer_format(&alike,
                            "%s{\"name\":\"%s\",\"type\":{\"type\":\"enum\",\"name\":\"x_%s\","
                            "\"symbols\":[\"A\"]}}",
                            i == 0 ? "" : ",", name, name);
    }
    stele_buffer_format(&alike, "]}");
    const stele_generate_options options = {.name = "a"};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};

    assert_int_equal(generate(stele_buffer_text(&doubling), &options, &header, &source, NULL),
                     STELE_OK);
    assert_int_equal(generate(stele_buffer_text(&alike), &options, &header, &source, NULL),
                     STELE_OK);
}

/* Two thousand records, each with a schema of all before it. */
static void code_that_is_far_longer_than_its_schema_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "{\"type\":\"record\",\"name\":\"Top\",\"fields\":[");
    for (int i = 0; i < 2000; i++) {
        char fields[64] = "";
        if (i > 0) snprintf(fields, sizeof fields, "{\"name\":\"a\",\"type\":\"R%d\"}", i - 1);
        put_record_of(&text, i, fields);
    }
    stele_buffer_format(&text, "]}");
    const stele_generate_options options = {.name = "a"};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    stele_error err;

    assert_int_equal(generate(stele_buffer_text(&text), &options, &header, &source, &err),
                     STELE_E_LIMIT);

    assert_non_null(strstr(err.text, "64 MiB"));
    assert_int_equal(header.size + source.size, 0);
}

static void docs_end_no_comment(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"record\",\"name\":\"x.R\",\"doc\":\"a*\\u0001/ b/\\\\* c?\?/ d\\u202e e\","
        "\"fields\":[]}";
    const stele_generate_options options = {.name = "a"};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};

    assert_int_equal(generate(schema, &options, &header, &source, NULL), STELE_OK);

    assert_non_null(strstr(stele_buffer_text(&header), "/** a*| b/| c??| d e */\n"));
}

static void a_top_that_is_no_record_has_a_header_or_is_refused(void **state)
{
    (void)state;
    const stele_generate_options options = {.name = "a"};
    STELE_AUTO_VALUE(stele_buffer) header = {0};
    STELE_AUTO_VALUE(stele_buffer) source = {0};

    assert_int_equal(generate("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", &options,
                              &header, &source, NULL),
                     STELE_OK);
    assert_non_null(strstr(stele_buffer_text(&header), "E_A = 0"));
    assert_null(strstr(stele_buffer_text(&source), "layout"));
    assert_int_equal(
        generate("{\"type\":\"array\",\"items\":\"int\"}", &options, &header, &source, NULL),
        STELE_E_INVALID);
    assert_int_equal(generate("[\"null\",\"int\"]", &options, &header, &source, NULL),
                     STELE_E_INVALID);
    assert_int_equal(generate("\"int\"", &options, &header, &source, NULL), STELE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_structs_lie_in_memory_as_run_time_types_do),
        cmocka_unit_test(generated_code_writes_and_reads_what_the_plan_does),
        cmocka_unit_test(generated_code_judges_bad_bytes_as_the_plan_does),
        cmocka_unit_test(a_value_that_does_not_fit_is_refused_with_its_path),
        cmocka_unit_test(an_empty_state_can_be_written_and_read),
        cmocka_unit_test(a_list_that_recurs_is_refused_past_the_depth),
        cmocka_unit_test(arrays_grow_and_shrink_in_place),
        cmocka_unit_test(maps_have_one_entry_for_a_key),
        cmocka_unit_test(enums_know_their_symbols),
        cmocka_unit_test(names_that_are_taken_get_underscores),
        cmocka_unit_test(an_enum_without_symbols_and_a_union_without_branches_have_no_value),
        cmocka_unit_test(the_header_serves_cpp),
        cmocka_unit_test(the_same_schema_makes_the_same_text),
        cmocka_unit_test(options_that_make_no_c_are_refused),
        cmocka_unit_test(schemas_of_one_call_have_one_set_of_names),
        cmocka_unit_test(two_headers_of_one_file_name_are_both_read),
        cmocka_unit_test(what_grows_is_not_walked),
        cmocka_unit_test(code_that_is_far_longer_than_its_schema_is_refused),
        cmocka_unit_test(docs_end_no_comment),
        cmocka_unit_test(a_top_that_is_no_record_has_a_header_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
