/* SPDX-License-Identifier: MIT
 * Reading the parts of a value by its layout. */
#ifndef STELE_SCHEMAS_LAYOUT_H
#define STELE_SCHEMAS_LAYOUT_H

#include <string.h>

#include <stele/type.h>

/** The most fields that stele_member.run counts. */
enum { STELE_RUN_MAX = 16 };

/** Is the value a stele_bytes? */
static inline bool stele_layout_is_bytes(const stele_layout *layout)
{
    if (layout->kind == STELE_KIND_STRING) return true;
    return layout->kind == STELE_KIND_BYTES &&
           (layout->logical != STELE_LOGICAL_DECIMAL || layout->precision > 18);
}

/** Is the value an int64_t that stands for a decimal? */
static inline bool stele_layout_is_decimal64(const stele_layout *layout)
{
    return layout->logical == STELE_LOGICAL_DECIMAL && layout->precision <= 18;
}

/** Is the value bytes, or the bytes of a fixed, that stand for a decimal? */
static inline bool stele_layout_is_wide_decimal(const stele_layout *layout)
{
    return layout->logical == STELE_LOGICAL_DECIMAL && layout->precision > 18;
}

static inline stele_bytes stele_load_bytes(const uint8_t *value)
{
    stele_bytes bytes;
    memcpy(&bytes, value, sizeof bytes);
    return bytes;
}

static inline void *stele_load_pointer(const uint8_t *value)
{
    void *pointer;
    memcpy(&pointer, value, sizeof pointer);
    return pointer;
}

/** The branch of a union; what is negative is past every count. */
static inline uint32_t stele_load_branch(const uint8_t *value)
{
    int32_t branch;
    memcpy(&branch, value, sizeof branch);
    return (uint32_t)branch;
}

#endif
