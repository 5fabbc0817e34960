/* SPDX-License-Identifier: MIT
 * A decoder written by hand for the movements of these benchmarks: what a good programmer writes
 * without Stele. */
#ifndef STELE_BENCH_BY_HAND_H
#define STELE_BENCH_BY_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cursor {
    const uint8_t *at;
    const uint8_t *end;
} cursor;

static inline bool read_long(cursor *c, int64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return false;
}

static inline bool read_text(cursor *c, const uint8_t **text, size_t *size)
{
    int64_t length;
    if (!read_long(c, &length) || length < 0 || length > c->end - c->at) return false;
    *text = c->at;
    *size = (size_t)length;
    c->at += length;
    return true;
}

typedef struct movement {
    const uint8_t *account, *counterparty, *purpose;
    size_t account_size, counterparty_size, purpose_size;
    int64_t sequence, amount_cents, booked_at, kind;
    bool has_counterparty;
} movement;

static inline bool decode_movement(const uint8_t *value, size_t size, movement *out)
{
    if (size < 5 || value[0] != 0) return false;
    cursor c = {value + 5, value + size};
    int64_t branch;
    if (!read_text(&c, &out->account, &out->account_size) || !read_long(&c, &out->sequence) ||
        !read_long(&c, &out->amount_cents) || !read_long(&c, &out->booked_at) ||
        !read_long(&c, &out->kind) || out->kind < 0 || out->kind > 2 || !read_long(&c, &branch) ||
        branch < 0 || branch > 1)
        return false;
    out->has_counterparty = branch == 1;
    if (out->has_counterparty && !read_text(&c, &out->counterparty, &out->counterparty_size))
        return false;
    return read_text(&c, &out->purpose, &out->purpose_size) && c.at == c.end;
}

#endif
