/* SPDX-License-Identifier: MIT
 * UUID version 7: 48 bits of Unix milliseconds, a 12-bit counter, 62 random bits. */
#include "core/uuid.h"

#include <string.h>

#include "core/text.h"

enum {
    COUNTER_MAX = 0x0FFF,
    COUNTER_SEED_MASK = 0x07FF, /* the top bit starts at zero, so that half the range is left */
    ENTROPY_PER_ID = 8
};

static void fill_entropy(stele_uuid_source *source)
{
    stele_random_bytes(source->runtime, source->entropy, sizeof source->entropy);
    source->entropy_left = sizeof source->entropy;
}

static const uint8_t *take_entropy(stele_uuid_source *source)
{
    if (source->entropy_left < ENTROPY_PER_ID) fill_entropy(source);
    source->entropy_left = (uint16_t)(source->entropy_left - ENTROPY_PER_ID);
    return source->entropy + source->entropy_left;
}

void stele_uuid_source_init(stele_uuid_source *source, stele_runtime runtime)
{
    *source = (stele_uuid_source){.runtime = runtime, .last_ms = -1};
    fill_entropy(source);
}

/* Steps (last_ms, counter) forward. Where the counter is used up, or the clock is behind, the
 * timestamp runs ahead of the clock instead of repeating (RFC 9562, 6.2). */
static void step(stele_uuid_source *source)
{
    int64_t now_ms = stele_clock_now_ms(stele_runtime_clock(source->runtime));
    if (now_ms <= source->last_ms && source->counter < COUNTER_MAX) {
        source->counter++;
        return;
    }
    source->last_ms = now_ms > source->last_ms ? now_ms : source->last_ms + 1;

    const uint8_t *random = take_entropy(source);
    source->counter = (uint16_t)(((random[0] << 8) | random[1]) & COUNTER_SEED_MASK);
}

stele_uuid stele_uuid_source_next(stele_uuid_source *source)
{
    step(source);

    stele_uuid uuid;
    for (int i = 0; i < 6; i++) {
        uuid.bytes[i] = (uint8_t)((uint64_t)source->last_ms >> (40 - 8 * i));
    }
    uuid.bytes[6] = (uint8_t)(0x70 | (source->counter >> 8));
    uuid.bytes[7] = (uint8_t)source->counter;
    memcpy(uuid.bytes + 8, take_entropy(source), ENTROPY_PER_ID);
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3F));
    return uuid;
}

stele_uuid stele_uuid_plus(const stele_uuid *uuid, uint64_t count)
{
    stele_uuid next = *uuid;
    uint64_t low = 0;
    for (int i = 8; i < 16; i++)
        low = low << 8 | uuid->bytes[i];
    low += count;
    for (int i = 15; i > 8; i--, low >>= 8)
        next.bytes[i] = (uint8_t)low;
    next.bytes[8] = (uint8_t)((uuid->bytes[8] & 0xC0) | (low & 0x3F));
    return next;
}

static int is_hyphen_place(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void stele_uuid_format(const stele_uuid *uuid, char text[STELE_UUID_TEXT_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = uuid->bytes;
    for (int i = 0; i < STELE_UUID_TEXT_SIZE;) {
        if (is_hyphen_place(i)) text[i++] = '-';
        text[i++] = digits[*byte >> 4];
        text[i++] = digits[*byte++ & 0x0F];
    }
    text[STELE_UUID_TEXT_SIZE] = '\0';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static stele_status not_a_uuid(stele_bytes text, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s is not a UUID such as 0190a2b4-7c1e-7d3f-8a5b-1c2d3e4f5a6b",
                      stele_quote(text).text);
}

stele_status stele_uuid_parse(stele_bytes text, stele_uuid *uuid, stele_error *err)
{
    if (text.size != STELE_UUID_TEXT_SIZE) return not_a_uuid(text, err);

    stele_uuid parsed;
    uint8_t *byte = parsed.bytes;
    for (int i = 0; i < STELE_UUID_TEXT_SIZE;) {
        if (is_hyphen_place(i) && text.data[i++] != '-') return not_a_uuid(text, err);
        int high = hex_value(text.data[i++]);
        int low = hex_value(text.data[i++]);
        if (high < 0 || low < 0) return not_a_uuid(text, err);
        *byte++ = (uint8_t)(high << 4 | low);
    }
    *uuid = parsed;
    return STELE_OK;
}
