/* SPDX-License-Identifier: MIT
 * Numbers with dots between. Each cursor has one text only, so numbers have no leading zeros. */
#include "server/stream_cursor.h"

#include <inttypes.h>

/* Digits at `*at`, up to a limit; moves behind them. */
static bool read_number(stele_bytes text, size_t *at, int64_t max, int64_t *out)
{
    size_t first = *at;
    int64_t number = 0;
    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
        int digit = text.data[*at] - '0';
        if (number > (max - digit) / 10) return false;
        number = number * 10 + digit;
    }
    bool is_padded = *at > first + 1 && text.data[first] == '0';
    *out = number;
    return *at > first && !is_padded;
}

static bool skip(stele_bytes text, size_t *at, uint8_t byte)
{
    bool is_there = *at < text.size && text.data[*at] == byte;
    *at += is_there;
    return is_there;
}

static bool read_version(stele_bytes text, size_t *at, stele_cursor *cursor)
{
    int64_t version = 0;
    if (!skip(text, at, 'v')) return true;
    if (!read_number(text, at, INT32_MAX, &version) || version == 0 || !skip(text, at, '-'))
        return false;
    cursor->version = (int)version;
    return true;
}

static bool read_all(stele_bytes text, size_t *at, stele_cursor *cursor)
{
    do {
        if (cursor->count == STELE_CURSOR_PARTITIONS_MAX ||
            !read_number(text, at, INT64_MAX, &cursor->offsets[cursor->count]))
            return false;
        cursor->count++;
    } while (skip(text, at, '.'));
    return true;
}

bool stele_cursor_parse(stele_bytes text, stele_cursor *out)
{
    stele_cursor cursor = {.only = -1};
    size_t at = 0;
    if (text.size > STELE_CURSOR_TEXT_MAX || !read_version(text, &at, &cursor) ||
        !read_all(text, &at, &cursor))
        return false;
    if (cursor.count == 1 && cursor.offsets[0] <= INT32_MAX && skip(text, &at, '@')) {
        cursor.only = (int32_t)cursor.offsets[0];
        if (!read_number(text, &at, INT64_MAX, &cursor.offsets[0])) return false;
    }
    if (at != text.size) return false;
    *out = cursor;
    return true;
}

void stele_cursor_write(const stele_cursor *cursor, stele_buffer *out)
{
    if (cursor->version > 0) stele_buffer_format(out, "v%d-", cursor->version);
    if (cursor->only >= 0) stele_buffer_format(out, "%" PRId32 "@", cursor->only);
    for (int32_t i = 0; i < cursor->count; i++)
        stele_buffer_format(out, "%s%" PRId64, i == 0 ? "" : ".", cursor->offsets[i]);
}
