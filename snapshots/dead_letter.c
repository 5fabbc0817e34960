/* SPDX-License-Identifier: MIT
 * Letters from records, to bytes and back. */
#include "snapshots/dead_letter.h"

#include <assert.h>
#include <string.h>

#include <dead_letter.h> /* generated from schemas/stele/dead_letter.avsc */

#include <stele/arena.h>
#include <stele/codec.h>

#include "core/alloc.h"
#include "core/text.h"

const char *stele_dead_state_name(stele_dead_state state)
{
    static const char *const names[] = {"refused", "behind", "discarded"};
    return names[state];
}

static stele_bytes copy(stele_bytes of)
{
    if (of.data == NULL) return of;
    return stele_bytes_of(stele_strndup((const char *)of.data, of.size), of.size);
}

static void copy_headers(stele_dead_event *letter, const stele_header *headers, size_t count)
{
    letter->header_count = count;
    letter->headers = stele_alloc_array(count + 1, sizeof *letter->headers);
    for (size_t i = 0; i < count; i++)
        letter->headers[i] = (stele_header){stele_strdup(headers[i].name), copy(headers[i].value)};
}

stele_dead_event *stele_dead_event_new(const stele_batch *batch, const stele_record *record)
{
    stele_dead_event *letter = stele_alloc(sizeof *letter);
    letter->offset = record->offset;
    letter->timestamp_ms = record->timestamp_ms;
    letter->key = copy(record->key);
    letter->value = copy(record->value);
    size_t count = stele_log_batch_headers(batch, record, NULL, 0);
    stele_header *headers = stele_alloc_array(count + 1, sizeof *headers);
    stele_log_batch_headers(batch, record, headers, count);
    copy_headers(letter, headers, count);
    free(headers);
    letter->reason = stele_strdup("");
    return letter;
}

stele_dead_event *stele_dead_event_copy(const stele_dead_event *of)
{
    stele_dead_event *letter = stele_alloc(sizeof *letter);
    letter->offset = of->offset;
    letter->timestamp_ms = of->timestamp_ms;
    letter->key = copy(of->key);
    letter->value = copy(of->value);
    copy_headers(letter, of->headers, of->header_count);
    letter->reason = stele_strdup("");
    return letter;
}

void stele_dead_event_free(stele_dead_event *letter)
{
    if (letter == NULL) return;
    for (size_t i = 0; i < letter->header_count; i++) {
        free((char *)letter->headers[i].name);
        free((uint8_t *)letter->headers[i].value.data);
    }
    free(letter->headers);
    free((uint8_t *)letter->key.data);
    free((uint8_t *)letter->value.data);
    free(letter->reason);
    free(letter);
}

size_t stele_dead_event_size(const stele_dead_event *letter)
{
    enum { EACH = 16 /* what an allocation costs besides */ };
    size_t size = sizeof *letter + letter->key.size + letter->value.size + strlen(letter->reason) +
                  (size_t)4 * EACH;
    for (size_t i = 0; i < letter->header_count; i++)
        size += sizeof *letter->headers + strlen(letter->headers[i].name) +
                letter->headers[i].value.size + (size_t)2 * EACH;
    return size;
}

/* People give reasons, too: so long they may be. */
void stele_dead_event_say(stele_dead_event *letter, stele_dead_state state, const char *reason)
{
    enum { REASON_MAX = 1000 };
    size_t size = strlen(reason);
    if (size > REASON_MAX)
        for (size = REASON_MAX; size > 0 && (reason[size] & 0xc0) == 0x80;)
            size--;
    char *said = stele_strndup(reason, size);
    free(letter->reason);
    letter->reason = said;
    letter->state = state;
}

/* ---- bytes ---- */

/* Of schemas/stele/dead_letter.avsc; its test computes it. */
static const uint64_t fingerprint = UINT64_C(0x7cf7277b8ebb8d09);

/* What was said may quote anything. */
static stele_bytes reason_of(const stele_dead_event *letter)
{
    stele_bytes reason = stele_text(letter->reason);
    return stele_utf8_is_valid(reason) ? reason : stele_text("(a reason that is not UTF-8)");
}

static void write_letter(const stele_dead_event *letter, size_t left_out, stele_buffer *out)
{
    char size[24];
    stele_dead_letter_header *headers =
        stele_alloc_array(letter->header_count + 1, sizeof *headers);
    for (size_t i = 0; i < letter->header_count; i++)
        headers[i] = (stele_dead_letter_header){.name = stele_text(letter->headers[i].name),
                                                .has_value = letter->headers[i].value.data != NULL,
                                                .value = letter->headers[i].value};
    snprintf(size, sizeof size, "%zu", left_out);
    headers[letter->header_count] =
        (stele_dead_letter_header){.name = stele_text(STELE_DEAD_VALUE_LEFT_OUT),
                                   .has_value = true,
                                   .value = stele_text(size)};
    stele_dead_letter written = {.state = (stele_dead_letter_state)letter->state,
                                 .reason = reason_of(letter),
                                 .attempts = letter->attempts,
                                 .first_failed_at = letter->first_failed_ms,
                                 .last_failed_at = letter->last_failed_ms,
                                 .timestamp = letter->timestamp_ms,
                                 .has_key = letter->key.data != NULL,
                                 .key = letter->key,
                                 .has_value = left_out == 0 && letter->value.data != NULL,
                                 .value = left_out == 0 ? letter->value : (stele_bytes){0},
                                 .headers = {letter->header_count + (left_out > 0), headers}};
    stele_single_object_begin(fingerprint, out);
    stele_status status = stele_encode(&stele_dead_letter_type, &written, out, NULL);
    assert(status == STELE_OK);
    (void)status;
    free(headers);
}

void stele_dead_event_write(const stele_dead_event *letter, size_t size_max, stele_buffer *out)
{
    size_t begin = out->size;
    write_letter(letter, letter->left_out, out);
    if (size_max == 0 || out->size - begin <= size_max || letter->value.size == 0) return;
    out->size = begin;
    write_letter(letter, letter->value.size, out);
}

void stele_dead_event_fill(stele_dead_event *letter, stele_bytes value)
{
    letter->value = copy(value);
    letter->left_out = 0;
}

void stele_dead_event_drop_value(stele_dead_event *letter)
{
    free((void *)(uintptr_t)letter->value.data);
    letter->value = (stele_bytes){0};
}

/* What the last header says of a letter without its value. */
static void take_left_out(stele_dead_event *letter)
{
    int64_t size;
    if (letter->value.data != NULL || letter->header_count == 0) return;
    const stele_header *last = &letter->headers[letter->header_count - 1];
    if (strcmp(last->name, STELE_DEAD_VALUE_LEFT_OUT) != 0 ||
        stele_parse_int64(last->value, 1, INT32_MAX, &size, NULL) < 0)
        return;
    letter->left_out = (size_t)size;
    free((char *)last->name);
    free((uint8_t *)last->value.data);
    letter->header_count--;
}

static stele_status fail_read(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "a dead letter that is damaged, or that a newer version of Stele has "
                      "written: run that one");
}

stele_status stele_dead_event_read(int64_t offset, stele_bytes stored, stele_dead_event **out,
                                   stele_error *err)
{
    uint64_t crc;
    stele_bytes datum;
    stele_dead_letter read;
    memset(&read, 0, sizeof read);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    if (stele_single_object_open(stored, &crc, &datum, NULL) < 0 || crc != fingerprint ||
        stele_dead_letter_type.decode(datum, &read, arena, NULL) < 0)
        return fail_read(err);
    stele_dead_event *letter = stele_alloc(sizeof *letter);
    *letter = (stele_dead_event){
        .offset = offset,
        .timestamp_ms = read.timestamp,
        .key = copy(read.has_key ? read.key : (stele_bytes){0}),
        .value = copy(read.has_value ? read.value : (stele_bytes){0}),
        .state = (stele_dead_state)read.state,
        .reason = stele_strndup((const char *)read.reason.data, read.reason.size),
        .attempts = read.attempts,
        .first_failed_ms = read.first_failed_at,
        .last_failed_ms = read.last_failed_at,
        .is_stored = true};
    letter->header_count = read.headers.count;
    letter->headers = stele_alloc_array(read.headers.count + 1, sizeof *letter->headers);
    for (size_t i = 0; i < read.headers.count; i++) {
        const stele_dead_letter_header *from = &read.headers.items[i];
        letter->headers[i] =
            (stele_header){stele_strndup((const char *)from->name.data, from->name.size),
                           copy(from->has_value ? from->value : (stele_bytes){0})};
    }
    take_left_out(letter);
    *out = letter;
    return STELE_OK;
}
