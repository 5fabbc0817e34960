/* SPDX-License-Identifier: MIT
 * A play with some seeds, each in a process of its own: one that aborts takes only itself. SEED in
 * the environment plays that one alone. */
#ifndef STELE_TESTS_SUPPORT_SEEDS_H
#define STELE_TESTS_SUPPORT_SEEDS_H

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

/** @param run  exits, with 0 if all is well */
static inline void play_seeds(uint64_t count, void (*run)(const void *context, uint64_t seed),
                              const void *context)
{
    const char *only = getenv("SEED");
    uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
    for (uint64_t seed = first; seed < first + (only == NULL ? count : 1); seed++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) run(context, seed);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("with seed %d", (int)seed);
    }
}

#endif
