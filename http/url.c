/* SPDX-License-Identifier: MIT
 * Percent-encoding. */
#include "http/url.h"

#include <string.h>

#include "core/alloc.h"

static bool is_unreserved(uint8_t byte)
{
    static const char *const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-._~";
    return byte != 0 && strchr(all, byte) != NULL;
}

char *stele_url_segment(stele_bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = stele_alloc(3 * text.size + 1);
    char *at = out;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (is_unreserved(byte)) {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    return out;
}
