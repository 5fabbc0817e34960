/* SPDX-License-Identifier: MIT
 * How much memory a test has from malloc at this moment. */
#ifndef STELE_TESTS_SUPPORT_ALLOCATED_H
#define STELE_TESTS_SUPPORT_ALLOCATED_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STELE_TESTS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STELE_TESTS_SANITIZED
#endif
#endif

#ifdef STELE_TESTS_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc's packages lack its header */

static inline size_t allocated_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes();
}
#else
#include <malloc.h>

static inline size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
#endif

#endif
