/* SPDX-License-Identifier: MIT
 * Files that live for one test. */
#ifndef STELE_TESTS_SUPPORT_TEMPORARY_H
#define STELE_TESTS_SUPPORT_TEMPORARY_H

#include <unistd.h>

#include "tests/support/test.h"

typedef struct temporary {
    char path[256];
} temporary;

/* A name in the folder of temporary files, TMPDIR or /tmp, for mkstemp and mkdtemp. */
static inline temporary temporary_name(void)
{
    temporary name;
    const char *folder = getenv("TMPDIR");
    int size = snprintf(name.path, sizeof name.path, "%s/stele-test-XXXXXX",
                        folder != NULL && folder[0] != '\0' ? folder : "/tmp");
    assert_in_range(size, 1, sizeof name.path - 1);
    return name;
}

/** An empty folder; the test removes it with what it put there. */
static inline temporary temporary_folder(void)
{
    temporary made = temporary_name();
    assert_non_null(mkdtemp(made.path));
    return made;
}

/** A file with these bytes; remove it with temporary_clear. */
static inline temporary temporary_write(const void *bytes, size_t size)
{
    temporary made = temporary_name();
    int fd = mkstemp(made.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    return made;
}

static inline void temporary_clear(const temporary *file)
{
    unlink(file->path);
}

#endif
