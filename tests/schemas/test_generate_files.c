/* SPDX-License-Identifier: MIT
 * The code generator on files: what it writes, what it leaves alone, and that a failure leaves the
 * folder as it was. */
#include "tests/support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/file.h"
#include "schemas/generate.h"

typedef struct folder {
    char path[64];
    char schema[96];
} folder;

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int open_folder(void **state)
{
    folder *f = stele_alloc(sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/stele-generate-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->schema, sizeof f->schema, "%s/order.avsc", f->path);
    write_text(f->schema, "{\"type\":\"record\",\"name\":\"shop.Order\",\"fields\":[]}");
    *state = f;
    return 0;
}

static int close_folder(void **state)
{
    folder *f = *state;
    DIR *open = opendir(f->path);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
        STELE_AUTO(char) path = stele_strdup_format("%s/%s", f->path, entry->d_name);
        if (entry->d_name[0] != '.' && remove(path) != 0) fail_msg("%s", path);
    }
    closedir(open);
    rmdir(f->path);
    free(f);
    return 0;
}

static int count_files(const folder *f)
{
    int count = 0;
    DIR *open = opendir(f->path);
    for (struct dirent *entry; (entry = readdir(open)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(open);
    return count;
}

static char *path_of(const folder *f, const char *name)
{
    return stele_strdup_format("%s/%s", f->path, name);
}

static bool holds(const folder *f, const char *name, const char *text)
{
    STELE_AUTO(char) path = path_of(f, name);
    STELE_AUTO_VALUE(stele_buffer) found = {0};
    assert_int_equal(stele_file_read(path, 1 << 20, &found, NULL), STELE_OK);
    return strstr(stele_buffer_text(&found), text) != NULL;
}

static void both_files_are_written_and_left_alone_if_the_same(void **state)
{
    folder *f = *state;
    STELE_AUTO(char) header = path_of(f, "order.h");
    struct stat before;
    struct stat after;

    assert_int_equal(stele_generate_files(f->schema, NULL, f->path, NULL, NULL), STELE_OK);
    assert_int_equal(stat(header, &before), 0);
    assert_int_equal(stele_generate_files(f->schema, NULL, f->path, NULL, NULL), STELE_OK);
    assert_int_equal(stat(header, &after), 0);

    assert_int_equal(count_files(f), 3);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(holds(f, "order.c", "#include \"order.h\""));
}

static void a_prefix_is_in_front_of_the_files_too(void **state)
{
    folder *f = *state;

    assert_int_equal(stele_generate_files(f->schema, NULL, f->path, NULL, NULL), STELE_OK);
    assert_int_equal(stele_generate_files(f->schema, NULL, f->path, "v1_", NULL), STELE_OK);

    assert_int_equal(count_files(f), 5);
    assert_true(holds(f, "order.h", "struct shop_order {"));
    assert_true(holds(f, "v1_order.h", "struct v1_shop_order {"));
    assert_true(holds(f, "v1_order.c", "#include \"v1_order.h\""));
}

/* The limit on the size of a file is what a full disk is to a program: a write that fails. */
static void a_full_disk_leaves_the_folder_as_it_was(void **state)
{
    folder *f = *state;
    STELE_AUTO(char) header = path_of(f, "order.h");
    write_text(header, "what was there before");
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    const struct rlimit small = {100, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    stele_error err = {0};

    setrlimit(RLIMIT_FSIZE, &small);
    stele_status status = stele_generate_files(f->schema, NULL, f->path, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &before);

    assert_int_equal(status, STELE_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "order.h: cannot be written: File too large"));
    assert_int_equal(count_files(f), 2);
    assert_true(holds(f, "order.h", "what was there before"));
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    folder *f = *state;
    STELE_AUTO(char) source = path_of(f, "order.c");
    assert_int_equal(mkdir(source, 0777), 0);
    stele_error err = {0};

    assert_int_equal(stele_generate_files(f->schema, NULL, f->path, NULL, &err), STELE_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "order.c: cannot be written: Is a directory"));
    assert_int_equal(count_files(f), 2); /* no header without its source */
    assert_int_equal(stele_generate_files(f->schema, NULL, "/nowhere/at/all", NULL, &err),
                     STELE_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/at/all/order.h"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_files_are_written_and_left_alone_if_the_same,
                                        open_folder, close_folder),
        cmocka_unit_test_setup_teardown(a_prefix_is_in_front_of_the_files_too, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_folder_as_it_was, open_folder,
                                        close_folder),
        cmocka_unit_test_setup_teardown(a_place_that_cannot_be_written_is_named, open_folder,
                                        close_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
