/* SPDX-License-Identifier: MIT
 * A ring of commands and their results, in memory and as bytes. */
#include "aggregates/remembered.h"

#include <stdlib.h>
#include <string.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/sha256.h"
#include "core/text.h"

enum { FORMAT = 1, HEAD_MAX = 1 + 10, ITEM_MIN = 16 + 16 + 4, ITEM_MAX = 16 + 16 + 4 * 10 };

struct stele_remembered_ring {
    uint32_t count;
    uint32_t first; /* the oldest */
    uint32_t capacity;
    stele_remembered_command items[];
};

typedef struct stele_remembered_ring ring;

/* ---- ids ---- */

stele_status stele_command_id_check(stele_bytes id, stele_error *err)
{
    bool is_good = id.size > 0 && id.size <= STELE_COMMAND_ID_MAX && stele_utf8_is_valid(id);
    for (size_t i = 0; is_good && i < id.size; i++)
        is_good = id.data[i] >= 0x20 && id.data[i] != 0x7f;
    if (is_good && stele_id_is_reserved(id))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s is no id of a command: those that begin with \"" STELE_RESERVED_PREFIX
                          "\" are the library's own",
                          stele_quote(id).text);
    if (is_good) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s is no id of a command: it is 1 to %d bytes of UTF-8 without control "
                      "characters, such as a UUID",
                      stele_quote(id).text, STELE_COMMAND_ID_MAX);
}

stele_command_key stele_command_key_of(stele_bytes id)
{
    uint8_t digest[32];
    stele_uuid uuid;
    stele_command_key key;
    if (id.size == STELE_UUID_TEXT_SIZE && stele_uuid_parse(id, &uuid, NULL) == STELE_OK) {
        memcpy(key.bytes, uuid.bytes, sizeof key.bytes);
        return key;
    }
    stele_sha256(id, digest);
    memcpy(key.bytes, digest, sizeof key.bytes);
    return key;
}

static bool same_key(const stele_command_key *a, const stele_command_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* ---- the ring ---- */

stele_remembered_limits stele_remembered_limits_of(const stele_aggregate *aggregate)
{
    return (stele_remembered_limits){.count_max = aggregate->remembered == 0
                                                      ? STELE_REMEMBERED
                                                      : (uint32_t)aggregate->remembered,
                                     .age_max_ms = aggregate->remembered_ms};
}

void stele_remembered_clear(stele_remembered *remembered)
{
    free(remembered->ring);
    remembered->ring = NULL;
}

size_t stele_remembered_count(const stele_remembered *remembered)
{
    return remembered->ring == NULL ? 0 : remembered->ring->count;
}

static size_t ring_size(uint32_t capacity)
{
    return sizeof(ring) + capacity * sizeof(stele_remembered_command);
}

/* The i-th, oldest first. */
static stele_remembered_command *item(const ring *of, uint32_t i)
{
    uint32_t at = of->first + i;
    if (at >= of->capacity) at -= of->capacity;
    return (stele_remembered_command *)&of->items[at];
}

static ring *ring_new(uint32_t capacity)
{
    ring *made = stele_alloc(ring_size(capacity));
    made->capacity = capacity;
    return made;
}

/* A copy with more room; the oldest is at 0. */
static ring *ring_copy(const ring *of, uint32_t capacity)
{
    ring *copy = ring_new(capacity);
    copy->count = of->count;
    for (uint32_t i = 0; i < of->count; i++)
        copy->items[i] = *item(of, i);
    return copy;
}

static void drop_first(ring *of)
{
    of->count--;
    if (++of->first == of->capacity) of->first = 0;
}

static bool is_too_old(const stele_remembered_limits *limits, const stele_remembered_command *what,
                       int64_t now_ms)
{
    return limits->age_max_ms != 0 && what->time_ms < now_ms &&
           (uint64_t)now_ms - (uint64_t)what->time_ms > (uint64_t)limits->age_max_ms;
}

static void expire(stele_remembered *remembered, const stele_remembered_limits *limits,
                   int64_t now_ms)
{
    ring *of = remembered->ring;
    if (of == NULL) return;
    while (of->count > 0 && is_too_old(limits, item(of, 0), now_ms))
        drop_first(of);
}

static void make_room(stele_remembered *remembered, uint32_t count_max)
{
    ring *of = remembered->ring;
    while (of != NULL && of->count >= count_max)
        drop_first(of);
    if (of != NULL && of->count < of->capacity) return;
    uint32_t capacity = of == NULL ? 1 : 2 * of->capacity;
    if (capacity > count_max) capacity = count_max;
    ring *larger = of == NULL ? ring_new(capacity) : ring_copy(of, capacity);
    free(of);
    remembered->ring = larger;
}

void stele_remembered_add(stele_remembered *remembered, const stele_remembered_limits *limits,
                          const stele_remembered_command *command)
{
    expire(remembered, limits, command->time_ms);
    make_room(remembered, limits->count_max);
    ring *of = remembered->ring;
    *item(of, of->count) = *command;
    of->count++;
}

const stele_remembered_command *stele_remembered_find(const stele_remembered *remembered,
                                                      const stele_remembered_limits *limits,
                                                      const stele_command_key *key, int64_t now_ms)
{
    const ring *of = remembered->ring;
    for (uint32_t i = of == NULL ? 0 : of->count; i > 0; i--) {
        const stele_remembered_command *at = item(of, i - 1);
        if (same_key(&at->key, key)) return is_too_old(limits, at, now_ms) ? NULL : at;
    }
    return NULL;
}

const stele_remembered_command *stele_remembered_at(const stele_remembered *remembered,
                                                    int64_t version)
{
    const ring *of = remembered->ring;
    for (uint32_t i = of == NULL ? 0 : of->count; i > 0; i--) {
        const stele_remembered_command *at = item(of, i - 1);
        if (at->version >= version && at->version - at->count < version) return at;
    }
    return NULL;
}

int64_t stele_remembered_forgets(const stele_remembered *remembered,
                                 const stele_remembered_limits *limits, size_t more,
                                 int64_t time_ms)
{
    const ring *of = remembered->ring;
    size_t count = stele_remembered_count(remembered);
    size_t gone = count + more > limits->count_max ? count + more - limits->count_max : 0;
    if (gone > count) return INT64_MAX;
    while (gone < count && is_too_old(limits, item(of, (uint32_t)gone), time_ms))
        gone++;
    return gone == 0 ? -1 : item(of, (uint32_t)gone - 1)->offset;
}

/* ---- events ---- */

/* Does the event go on where the newest command's last one was? */
static stele_remembered_command *goes_on(const stele_remembered *remembered,
                                         const stele_command_key *key, const stele_uuid *id)
{
    const ring *of = remembered->ring;
    if (of == NULL || of->count == 0) return NULL;
    stele_remembered_command *newest = item(of, of->count - 1);
    stele_uuid next = stele_uuid_plus(&newest->first_id, newest->count);
    bool is_next = memcmp(next.bytes, id->bytes, sizeof next.bytes) == 0;
    return is_next && same_key(&newest->key, key) ? newest : NULL;
}

/* Both headers at the cost of one parse. */
static void read_ids(const stele_event *event, stele_bytes *command_id, stele_bytes *id)
{
    enum { FEW = 16 };
    stele_header headers[FEW];
    size_t count = stele_event_headers(event, headers, FEW);
    if (count > FEW) {
        *command_id = stele_event_causation_id(event);
        *id = stele_event_id(event);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(headers[i].name, "ce_causationid") == 0) *command_id = headers[i].value;
        if (strcmp(headers[i].name, "ce_id") == 0) *id = headers[i].value;
    }
}

void stele_remembered_see(stele_remembered *remembered, const stele_remembered_limits *limits,
                          const stele_event *event)
{
    stele_uuid id;
    stele_bytes command_id = {NULL, 0};
    stele_bytes id_text = {NULL, 0};
    read_ids(event, &command_id, &id_text);
    if (command_id.size == 0 || stele_uuid_parse(id_text, &id, NULL) < 0) return;
    stele_command_key key = stele_command_key_of(command_id);
    stele_remembered_command *newest = goes_on(remembered, &key, &id);
    if (newest == NULL) {
        stele_remembered_command made = {.key = key,
                                         .first_id = id,
                                         .version = event->version,
                                         .offset = event->offset,
                                         .time_ms = event->time_ms,
                                         .count = 1};
        stele_remembered_add(remembered, limits, &made);
        return;
    }
    newest->version = event->version;
    newest->offset = event->offset;
    newest->time_ms = event->time_ms;
    newest->count++;
}

/* ---- bytes ---- */

static uint8_t *write_item(uint8_t *at, const stele_remembered_command *before,
                           const stele_remembered_command *next)
{
    at = stele_write_raw(at, next->key.bytes, sizeof next->key.bytes);
    at = stele_write_raw(at, next->first_id.bytes, sizeof next->first_id.bytes);
    at = stele_write_long(at, next->version - before->version);
    at = stele_write_long(at, next->offset - before->offset);
    at = stele_write_long(at, (int64_t)((uint64_t)next->time_ms - (uint64_t)before->time_ms));
    return stele_write_long(at, next->count);
}

void stele_remembered_write(const stele_remembered *remembered, stele_buffer *out)
{
    size_t count = stele_remembered_count(remembered);
    if (count == 0) return;
    static const stele_remembered_command nothing = {.count = 0};
    const stele_remembered_command *before = &nothing;
    uint8_t *at = stele_buffer_reserve(out, HEAD_MAX + count * ITEM_MAX);
    *at++ = FORMAT;
    at = stele_write_long(at, (int64_t)count);
    for (uint32_t i = 0; i < count; i++) {
        const stele_remembered_command *next = item(remembered->ring, i);
        at = write_item(at, before, next);
        before = next;
    }
    out->size = (size_t)(at - out->data);
}

static stele_status fail_damaged(const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "remembered commands: %s", what);
}

/* @return behind it, or NULL */
static const uint8_t *read_item(const uint8_t *at, const uint8_t *end,
                                const stele_remembered_command *before,
                                stele_remembered_command *out)
{
    int64_t version, offset, time_ms, count;
    at = stele_read_raw(at, end, out->key.bytes, sizeof out->key.bytes);
    if (at != NULL) at = stele_read_raw(at, end, out->first_id.bytes, sizeof out->first_id.bytes);
    if (at != NULL) at = stele_read_long(at, end, &version);
    if (at != NULL) at = stele_read_long(at, end, &offset);
    if (at != NULL) at = stele_read_long(at, end, &time_ms);
    if (at != NULL) at = stele_read_long(at, end, &count);
    if (at == NULL) return NULL;
    /* A version and an offset go up by one event at least. */
    bool is_first = before->count == 0;
    if (count < 1 || count > UINT32_MAX || version < count || offset < (is_first ? 0 : count) ||
        version > INT64_MAX - before->version || offset > INT64_MAX - before->offset)
        return NULL;
    out->version = before->version + version;
    out->offset = before->offset + offset;
    out->time_ms = (int64_t)((uint64_t)before->time_ms + (uint64_t)time_ms);
    out->count = (uint32_t)count;
    return at;
}

stele_status stele_remembered_read(stele_remembered *out, const stele_remembered_limits *limits,
                                   stele_bytes bytes, stele_error *err)
{
    STELE_AUTO_VALUE(stele_remembered) made = {NULL};
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    int64_t count = 0;
    if (bytes.size > 0) {
        if (*at > FORMAT)
            return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                              "remembered commands in version %d of their format; this program "
                              "knows %d: run a newer one",
                              *at, FORMAT);
        if (*at++ != FORMAT) return fail_damaged("they do not begin with their version", err);
        at = stele_read_long(at, end, &count);
        if (at == NULL || count < 1 || count > STELE_REMEMBERED_MAX ||
            (end - at) / ITEM_MIN < count)
            return fail_damaged("their count is wrong", err);
    }
    stele_remembered_limits all = {.count_max = limits->count_max};
    stele_remembered_command before = {.count = 0};
    for (int64_t i = 0; i < count; i++) {
        stele_remembered_command next;
        if ((at = read_item(at, end, &before, &next)) == NULL)
            return fail_damaged("they are cut off, or go back", err);
        stele_remembered_add(&made, &all, &next);
        before = next;
    }
    if (at != end) return fail_damaged("there is more behind them", err);
    stele_remembered_clear(out);
    *out = made;
    made.ring = NULL;
    return STELE_OK;
}
