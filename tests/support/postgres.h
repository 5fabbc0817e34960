/* SPDX-License-Identifier: MIT
 * A PostgreSQL of a test's own: scripts/postgres. Tests run in the root of the tree. */
#ifndef STELE_TESTS_SUPPORT_POSTGRES_H
#define STELE_TESTS_SUPPORT_POSTGRES_H

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

static char postgres_conninfo[256];

/** A command of scripts/postgres; what it prints last is kept for `start`. */
static inline void postgres_call(const char *command)
{
    char line[128];
    snprintf(line, sizeof line, "scripts/postgres %s --name unit-%d 2>/dev/null", command,
             (int)getpid());
    FILE *from = popen(line, "r");
    assert_non_null(from);
    char said[256] = "";
    if (fgets(said, sizeof said, from) != NULL) {
        said[strcspn(said, "\n")] = '\0';
        memcpy(postgres_conninfo, said, sizeof said);
    }
    int code = pclose(from);
    if (code != 0) fail_msg("%s: exit %d", line, code);
}

static inline void postgres_stop(void)
{
    postgres_call("stop");
}

/** Start it; it goes away with the test. */
static inline void postgres_start(void)
{
    atexit(postgres_stop);
    postgres_call("start");
}

#endif
