/* SPDX-License-Identifier: MIT
 * Files that live for one test. */
#ifndef STELE_TESTS_SUPPORT_TEMPORARY_H
#define STELE_TESTS_SUPPORT_TEMPORARY_H

#include <unistd.h>

#include "tests/support/test.h"

typedef struct temporary {
    char path[64];
} temporary;

/** A file with these bytes; remove it with temporary_clear. */
static inline temporary temporary_write(const void *bytes, size_t size)
{
    temporary made = {"/tmp/stele-test-XXXXXX"};
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
