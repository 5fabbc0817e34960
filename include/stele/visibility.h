/* SPDX-License-Identifier: MIT
 * What a symbol of the public API carries: it is exported, and printf-like calls are checked. */
#ifndef STELE_VISIBILITY_H
#define STELE_VISIBILITY_H

#if defined(__GNUC__)
#define STELE_API                 __attribute__((visibility("default")))
#define STELE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define STELE_UNUSED              __attribute__((unused))
#else
#define STELE_API
#define STELE_PRINTF(text, first)
#define STELE_UNUSED
#endif

#endif
