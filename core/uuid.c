/* SPDX-License-Identifier: MIT
 * UUID version 7: 48 bits of Unix milliseconds, a 12-bit counter, 62 random bits. */
#include "core/uuid.h"

#include <endian.h>
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

static uint64_t read_low(const stele_uuid *uuid)
{
    uint64_t low;
    memcpy(&low, uuid->bytes + 8, sizeof low);
    return be64toh(low);
}

stele_uuid stele_uuid_plus(const stele_uuid *uuid, uint64_t count)
{
    const uint64_t variant = UINT64_C(3) << 62;
    stele_uuid next = *uuid;
    uint64_t low = read_low(uuid);
    low = htobe64((low & variant) | ((low + count) & ~variant));
    memcpy(next.bytes + 8, &low, sizeof low);
    return next;
}

/* ---- text ---- */

/* Where the digits of each byte begin: 8-4-4-4-12. */
static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

void stele_uuid_format(const stele_uuid *uuid, char text[STELE_UUID_TEXT_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        text[places[i]] = digits[uuid->bytes[i] >> 4];
        text[places[i] + 1] = digits[uuid->bytes[i] & 0x0F];
    }
    text[8] = text[13] = text[18] = text[23] = '-';
    text[STELE_UUID_TEXT_SIZE] = '\0';
}

/* The value of a hexadecimal digit, with 0x10 set; 0 for what is none. A table, for a writer parses
 * two of these for each event. */
#define D(value) (0x10 | (value))
static const uint8_t hex_digits[256] = {
    ['0'] = D(0),  ['1'] = D(1),  ['2'] = D(2),  ['3'] = D(3),  ['4'] = D(4),  ['5'] = D(5),
    ['6'] = D(6),  ['7'] = D(7),  ['8'] = D(8),  ['9'] = D(9),  ['a'] = D(10), ['b'] = D(11),
    ['c'] = D(12), ['d'] = D(13), ['e'] = D(14), ['f'] = D(15), ['A'] = D(10), ['B'] = D(11),
    ['C'] = D(12), ['D'] = D(13), ['E'] = D(14), ['F'] = D(15)};
#undef D

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
    const uint8_t *at = text.data;
    uint8_t valid = 0x10;
    for (int i = 0; i < 16; i++) {
        uint8_t high = hex_digits[at[places[i]]];
        uint8_t low = hex_digits[at[places[i] + 1]];
        valid &= high & low;
        parsed.bytes[i] = (uint8_t)(high << 4 | (low & 0x0F));
    }
    if (valid == 0 || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-')
        return not_a_uuid(text, err);
    *uuid = parsed;
    return STELE_OK;
}
