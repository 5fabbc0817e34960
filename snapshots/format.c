/* SPDX-License-Identifier: MIT
 * Headers and hashes of the records of a snapshots topic. */
#include "snapshots/format.h"

#include <inttypes.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/text.h"

static const char version_header[] = "stele_version";
static const char offset_header[] = "stele_offset";
static const char finished_header[] = "stele_finished";

/* ---- hash ---- */

static void put_big_endian(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

int64_t stele_event_hash(const stele_record *record)
{
    uint8_t head[24]; /* sizes too: "ab" + "c" is not "a" + "bc" */
    put_big_endian(head, (uint64_t)record->timestamp_ms);
    put_big_endian(head + 8, record->key.size);
    put_big_endian(head + 16, record->value.size);
    XXH64_state_t state;
    XXH64_reset(&state, 0);
    XXH64_update(&state, head, sizeof head);
    if (record->key.size > 0) XXH64_update(&state, record->key.data, record->key.size);
    if (record->value.size > 0) XXH64_update(&state, record->value.data, record->value.size);
    return (int64_t)XXH64_digest(&state);
}

/* ---- headers ---- */

static bool read_number(const stele_header *header, const char *name, int64_t *out)
{
    return strcmp(header->name, name) == 0 &&
           stele_parse_int64(header->value, 0, INT64_MAX, out, NULL) == STELE_OK;
}

stele_status stele_snapshot_read(const stele_batch *batch, const stele_record *record,
                                 const char *companion, stele_snapshot *out, stele_error *err)
{
    enum { HEADERS_MAX = 16 };
    stele_header headers[HEADERS_MAX];
    size_t count = stele_log_batch_headers(batch, record, headers, HEADERS_MAX);
    stele_snapshot snapshot = {.id = record->key,
                               .value = record->value,
                               .version = -1,
                               .offset = -1,
                               .finished = record->value.data == NULL};
    for (size_t i = 0; i < count && i < HEADERS_MAX; i++) {
        if (read_number(&headers[i], version_header, &snapshot.version) ||
            read_number(&headers[i], offset_header, &snapshot.offset))
            continue;
        if (strcmp(headers[i].name, finished_header) == 0) snapshot.finished = true;
        if (companion != NULL && strcmp(headers[i].name, companion) == 0)
            snapshot.companion = headers[i].value;
    }
    if (snapshot.version < 0 || snapshot.offset < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "snapshot of %s without the headers stele_version and stele_offset",
                          stele_quote(record->key).text);
    *out = snapshot;
    return STELE_OK;
}

stele_status stele_snapshot_check_order(const stele_snapshot *snapshot, int64_t version,
                                        int64_t offset, stele_error *err)
{
    if (snapshot->version >= version && snapshot->offset >= offset) return STELE_OK;
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "the snapshot of %s is at version %" PRId64 ", offset %" PRId64
                      ", and an earlier one at version %" PRId64 ", offset %" PRId64
                      ": events were lost, or another program writes here; raise the version of "
                      "the projection, or of the aggregate, to replay what is there",
                      stele_quote(snapshot->id).text, snapshot->version, snapshot->offset, version,
                      offset);
}

/* Decimal digits of a number that is not negative. */
static stele_bytes format_number(int64_t number, char text[20])
{
    char *at = text + 20;
    uint64_t left = (uint64_t)number;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    return stele_bytes_of(at, (size_t)(text + 20 - at));
}

void stele_snapshot_headers_set(stele_snapshot_headers *headers, int64_t version, int64_t offset,
                                bool finished)
{
    headers->list[0] = (stele_header){version_header, format_number(version, headers->version)};
    headers->list[1] = (stele_header){offset_header, format_number(offset, headers->offset)};
    headers->list[2] = (stele_header){finished_header, stele_text("1")};
    headers->count = finished ? 3 : 2;
}

void stele_snapshot_headers_add(stele_snapshot_headers *headers, const char *name,
                                stele_bytes companion)
{
    headers->list[headers->count++] = (stele_header){name, companion};
}
