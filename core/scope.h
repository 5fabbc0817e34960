/* SPDX-License-Identifier: MIT
 * Scope cleanup: a local that owns is declared with STELE_AUTO and released on every way out.
 * A type joins by one line beside its free: STELE_SCOPE(stele_thing, stele_thing_free). */
#ifndef STELE_CORE_SCOPE_H
#define STELE_CORE_SCOPE_H

/* The macro is the one place where the cleanup attribute is used; C11 has no destructor. */
#define STELE_SCOPE(type, release)                                                                 \
    static inline void type##_scope_release(type **pointer)                                        \
    {                                                                                              \
        if (*pointer != NULL) release(*pointer);                                                   \
    }                                                                                              \
    struct type##_scope_semicolon

#define STELE_AUTO(type) __attribute__((cleanup(type##_scope_release))) type *

/* The same for a value in the caller's memory: STELE_VALUE_SCOPE(stele_buffer, stele_buffer_clear).
 */
#define STELE_VALUE_SCOPE(type, release)                                                           \
    static inline void type##_scope_clear(type *value)                                             \
    {                                                                                              \
        release(value);                                                                            \
    }                                                                                              \
    struct type##_scope_clear_semicolon

#define STELE_AUTO_VALUE(type) __attribute__((cleanup(type##_scope_clear))) type

#endif
