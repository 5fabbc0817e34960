/* SPDX-License-Identifier: MIT
 * For clang-tidy alone: the analyzer sees one source file at a time, so it has to be told that
 * failing gives back a negative status. Without this it follows paths that cannot be. */
#include <stele/error.h>

#define stele_fail(err, status, ...) (stele_fail((err), (status), __VA_ARGS__), (status))
#define stele_fail_cause(err, status, ...)                                                         \
    (stele_fail_cause((err), (status), __VA_ARGS__), (status))
