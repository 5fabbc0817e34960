/* SPDX-License-Identifier: MIT
 * core/new_file.c: a file that is there whole or not at all. */
#include "tests/support/test.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/file.h"
#include "core/new_file.h"

static char *make_folder(void)
{
    char *folder = stele_strdup("/tmp/stele-new-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void a_file_has_its_name_once_it_is_kept(void **state)
{
    (void)state;
    STELE_AUTO(char) folder = make_folder();
    STELE_AUTO(char) path = stele_strdup_format("%s/a", folder);
    STELE_AUTO(char) part = stele_strdup_format("%s/a.part", folder);
    STELE_AUTO_VALUE(stele_new_file) file = {0};
    STELE_AUTO_VALUE(stele_buffer) content = {0};

    assert_int_equal(stele_new_file_open(path, &file, NULL), STELE_OK);
    fputs("all of it", file.file);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(part, F_OK), 0);
    assert_int_equal(stele_new_file_keep(&file, NULL), STELE_OK);

    assert_int_equal(stele_file_read(path, 100, &content, NULL), STELE_OK);
    assert_string_equal(stele_buffer_text(&content), "all of it");
    assert_int_equal(access(part, F_OK), -1);
    unlink(path);
    rmdir(folder);
}

static void what_is_not_kept_is_removed(void **state)
{
    (void)state;
    STELE_AUTO(char) folder = make_folder();
    STELE_AUTO(char) path = stele_strdup_format("%s/a", folder);
    stele_new_file file = {0};
    assert_int_equal(stele_new_file_open(path, &file, NULL), STELE_OK);

    stele_new_file_clear(&file);

    assert_int_equal(rmdir(folder), 0); /* it is empty */
}

static void a_file_that_is_there_is_not_replaced(void **state)
{
    (void)state;
    STELE_AUTO(char) folder = make_folder();
    STELE_AUTO(char) path = stele_strdup_format("%s/a", folder);
    STELE_AUTO_VALUE(stele_new_file) file = {0}, second = {0};
    STELE_AUTO_VALUE(stele_buffer) content = {0};
    stele_error err;
    assert_int_equal(stele_new_file_open(path, &file, NULL), STELE_OK);
    FILE *other = fopen(path, "wb"); /* someone was faster */
    fputs("other", other);
    fclose(other);

    assert_int_equal(stele_new_file_keep(&file, &err), STELE_E_EXISTS);
    assert_int_equal(stele_new_file_open(path, &second, &err), STELE_E_EXISTS);

    assert_non_null(strstr(err.text, "is there already: give another name, or remove it first"));
    assert_int_equal(stele_file_read(path, 100, &content, NULL), STELE_OK);
    assert_string_equal(stele_buffer_text(&content), "other");
    stele_new_file_clear(&file);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

/* A lock is a process's, so the other one is a process. */
static void two_processes_do_not_write_one_file(void **state)
{
    (void)state;
    STELE_AUTO(char) folder = make_folder();
    STELE_AUTO(char) path = stele_strdup_format("%s/a", folder);
    stele_new_file file = {0};
    assert_int_equal(stele_new_file_open(path, &file, NULL), STELE_OK);
    fputs("mine", file.file);
    fflush(file.file);
    pid_t other = fork();
    if (other == 0) {
        stele_new_file second = {0};
        stele_error err;
        stele_status status = stele_new_file_open(path, &second, &err);
        bool is_said = strstr(err.text, "is being written by another process") != NULL;
        _exit(status == STELE_E_EXISTS && is_said ? 7 : 1);
    }
    int ended;
    assert_int_equal(waitpid(other, &ended, 0), other);

    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 7);
    STELE_AUTO_VALUE(stele_buffer) content = {0};
    assert_int_equal(stele_new_file_keep(&file, NULL), STELE_OK);
    assert_int_equal(stele_file_read(path, 100, &content, NULL), STELE_OK);
    assert_string_equal(stele_buffer_text(&content), "mine");
    stele_new_file_clear(&file);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void what_cannot_be_made_says_why(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_new_file) file = {0};
    stele_error err;

    assert_int_equal(stele_new_file_open("/nowhere/a", &file, &err), STELE_E_UNAVAILABLE);

    assert_int_equal(err.cause, ENOENT);
    assert_string_equal(err.text, "/nowhere/a cannot be made: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_its_name_once_it_is_kept),
        cmocka_unit_test(what_is_not_kept_is_removed),
        cmocka_unit_test(a_file_that_is_there_is_not_replaced),
        cmocka_unit_test(two_processes_do_not_write_one_file),
        cmocka_unit_test(what_cannot_be_made_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
