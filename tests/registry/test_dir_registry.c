/* SPDX-License-Identifier: MIT
 * The `dir:` registry: which files it takes, what refers to what, and that it is read-only. */
#include "registry/registry.h"

#include <unistd.h>

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/support/temporary.h"
#include "tests/support/test.h"

#define LINE_V1 "{\"type\":\"record\",\"name\":\"shop.Line\",\"fields\":[]}"
#define LINE_V2                                                                                    \
    "{\"type\":\"record\",\"name\":\"shop.Line\",\"fields\":[{\"name\":\"sku\",\"type\":"          \
    "\"string\",\"default\":\"\"}]}"
#define ORDER                                                                                      \
    "{\"type\":\"record\",\"name\":\"shop.Order\",\"fields\":[{\"name\":\"line\",\"type\":"        \
    "\"shop.Line\"}]}"

typedef struct folder {
    temporary path;
    char *files[8];
    size_t count;
} folder;

static int folder_made(void **state)
{
    folder *own = stele_alloc(sizeof *own);
    own->path = temporary_folder();
    *state = own;
    return 0;
}

static int folder_removed(void **state)
{
    folder *own = *state;
    for (size_t i = 0; i < own->count; i++) {
        unlink(own->files[i]);
        free(own->files[i]);
    }
    rmdir(own->path.path);
    free(own);
    return 0;
}

static void put_file(folder *own, const char *name, const char *text)
{
    char *path = stele_strdup_format("%s/%s", own->path.path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    own->files[own->count++] = path;
}

static stele_status try_open(const char *path, stele_registry **out, stele_error *err)
{
    STELE_AUTO(char) url = stele_strdup_format("dir:%s", path);
    stele_registry_options options = {.url = url};
    return stele_registry_open(&options, out, err);
}

static stele_registry *opened(const folder *own)
{
    stele_registry *registry;
    stele_error err = {0};
    if (try_open(own->path.path, &registry, &err) < 0) fail_msg("%s", err.text);
    return registry;
}

static stele_status find(stele_registry *registry, int32_t id, stele_schema **out, stele_error *err)
{
    return stele_registry_schema(registry, id, 0, out, err);
}

static void a_file_is_found_by_its_id(void **state)
{
    folder *own = *state;
    put_file(own, "7-shop.Line.avsc", LINE_V1);
    put_file(own, "2147483647-shop.Line.avsc", LINE_V2);
    STELE_AUTO(stele_registry) registry = opened(own);
    static const struct {
        int32_t id;
        const char *text;
    } cases[] = {{7, LINE_V1}, {2147483647, LINE_V2}};
    for (size_t i = 0; i < 2; i++) {
        STELE_AUTO(stele_schema) schema = NULL;
        stele_error err;
        assert_int_equal(find(registry, cases[i].id, &schema, &err), STELE_OK);
        assert_true(stele_bytes_equal(stele_schema_source(schema), stele_text(cases[i].text)));
    }
    char genesis[37] = "x";
    assert_int_equal(stele_registry_genesis(registry, 0, genesis, NULL), STELE_OK);
    assert_string_equal(genesis, "");
}

static void other_files_are_left_alone(void **state)
{
    folder *own = *state;
    static const char *const names[] = {"README.md", "shop.Line.avsc", "0-a.avsc",
                                        "1.avsc",    "2-a.avsc~",      "2147483648-a.avsc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put_file(own, names[i], LINE_V1);
    STELE_AUTO(stele_registry) registry = opened(own);
    for (int32_t id = 0; id < 3; id++) {
        stele_schema *schema;
        stele_error err;
        assert_int_equal(find(registry, id, &schema, &err), STELE_E_NOT_FOUND);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }
}

static void a_name_of_another_file_is_the_version_before(void **state)
{
    folder *own = *state;
    put_file(own, "1-shop.Line.avsc", LINE_V1);
    put_file(own, "2-shop.Order.avsc", ORDER);
    put_file(own, "3-shop.Line.avsc", LINE_V2);
    put_file(own, "4-shop.Order.avsc", ORDER);
    STELE_AUTO(stele_registry) registry = opened(own);
    STELE_AUTO(stele_schema) old = NULL;
    STELE_AUTO(stele_schema) new = NULL;
    STELE_AUTO_VALUE(stele_buffer) old_form = {0};
    STELE_AUTO_VALUE(stele_buffer) new_form = {0};

    assert_int_equal(find(registry, 2, &old, NULL), STELE_OK);
    assert_int_equal(find(registry, 4, &new, NULL), STELE_OK);

    stele_schema_canonical(old, &old_form);
    stele_schema_canonical(new, &new_form);
    assert_null(strstr(stele_buffer_text(&old_form), "sku"));
    assert_non_null(strstr(stele_buffer_text(&new_form), "sku"));
}

static void a_bad_file_is_said_when_it_is_asked_for(void **state)
{
    folder *own = *state;
    put_file(own, "1-shop.Line.avsc", LINE_V1);
    put_file(own, "2-bad.avsc", "{");
    put_file(own, "3-alone.avsc", "{\"type\":\"array\",\"items\":\"nobody.Has\"}");
    STELE_AUTO(stele_registry) registry = opened(own);
    STELE_AUTO(stele_schema) schema = NULL;
    for (int32_t id = 2; id <= 3; id++) {
        stele_schema *none;
        stele_error err;
        assert_int_equal(find(registry, id, &none, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_non_null(strstr(err.text, own->files[id - 1]));
    }
    assert_int_equal(find(registry, 1, &schema, NULL), STELE_OK);
}

static void a_folder_that_cannot_be_is_refused(void **state)
{
    folder *own = *state;
    stele_registry *registry;
    stele_error err;
    assert_int_equal(try_open("/nowhere/at/all", &registry, &err), STELE_E_NOT_FOUND);

    put_file(own, "1-a.avsc", LINE_V1);
    put_file(own, "01-b.avsc", LINE_V2);
    assert_int_equal(try_open(own->path.path, &registry, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "1-a.avsc"));
}

static void registering_finds_what_is_there_and_writes_nothing(void **state)
{
    folder *own = *state;
    put_file(own, "5-shop.Line.avsc", LINE_V1);
    STELE_AUTO(stele_registry) registry = opened(own);
    int32_t id = 0;
    stele_error err;

    assert_int_equal(
        stele_registry_register(registry, "s",
                                stele_text(" { \"name\": \"shop.Line\", \"type\": \"record\", "
                                           "\"fields\": [] }"),
                                NULL, 0, 0, &id, &err),
        STELE_OK);
    assert_int_equal(id, 5);
    assert_int_equal(
        stele_registry_register(registry, "s", stele_text(LINE_V2), NULL, 0, 0, &id, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void a_folder_has_no_levels_and_says_what_to_do_instead(void **state)
{
    folder *own = *state;
    STELE_AUTO(stele_registry) registry = opened(own);
    stele_compatibility level = STELE_COMPATIBILITY_FULL;
    bool is_own;
    stele_error err;

    assert_int_equal(stele_registry_level(registry, "s", 0, &level, &is_own, &err),
                     STELE_E_INVALID);
    assert_non_null(strstr(err.text, "stele schema check"));
    assert_int_equal(stele_registry_set_level(registry, NULL, &level, 0, &err), STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

#define FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_made, folder_removed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER(a_file_is_found_by_its_id),
        FOLDER(other_files_are_left_alone),
        FOLDER(a_name_of_another_file_is_the_version_before),
        FOLDER(a_bad_file_is_said_when_it_is_asked_for),
        FOLDER(a_folder_that_cannot_be_is_refused),
        FOLDER(registering_finds_what_is_there_and_writes_nothing),
        FOLDER(a_folder_has_no_levels_and_says_what_to_do_instead),
    };
    return cmocka_run_group_tests_name("registry/dir", tests, NULL, NULL);
}
