/* SPDX-License-Identifier: MIT
 * One partition in memory: records with their offsets, transactions' markers among them, what may
 * be seen of it, and what cleaning takes out. */
#include "kafka/memory_state.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"
#include "core/table.h"

/* ---- payloads ---- */

static size_t payload_size(stele_bytes key, stele_bytes value, const stele_header *headers,
                           size_t header_count)
{
    size_t size = key.size + value.size;
    for (size_t i = 0; i < header_count; i++)
        size += strlen(headers[i].name) + 1 + headers[i].value.size;
    return size;
}

/* Copy into the block; null stays null, and empty is not null. */
static stele_bytes copy_bytes(uint8_t **into, stele_bytes bytes)
{
    if (bytes.data == NULL) return (stele_bytes){0};
    stele_bytes copy = stele_bytes_of(*into, bytes.size);
    if (bytes.size > 0) memcpy(*into, bytes.data, bytes.size);
    *into += bytes.size;
    return copy;
}

memory_payload *stele_memory_payload_copy(stele_bytes key, stele_bytes value,
                                          const stele_header *headers, size_t header_count)
{
    size_t size = payload_size(key, value, headers, header_count);
    memory_payload *copy = stele_alloc(sizeof *copy + header_count * sizeof *headers + size);
    uint8_t *into = (uint8_t *)&copy->headers[header_count];
    copy->size = size;
    copy->header_count = header_count;
    copy->key = copy_bytes(&into, key);
    copy->value = copy_bytes(&into, value);
    for (size_t i = 0; i < header_count; i++) {
        stele_bytes name = stele_bytes_of(headers[i].name, strlen(headers[i].name) + 1);
        copy->headers[i].name = (const char *)copy_bytes(&into, name).data;
        copy->headers[i].value = copy_bytes(&into, headers[i].value);
    }
    return copy;
}

/* ---- appending ---- */

static void add_record(memory_partition *partition, memory_record record)
{
    assert(partition->count == 0 ||
           partition->records[partition->count - 1].offset < record.offset);
    assert(partition->start <= record.offset && record.offset < partition->end);
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity == 0 ? 16 : 2 * partition->capacity;
        partition->records = stele_realloc_array(partition->records, partition->capacity,
                                                 sizeof *partition->records);
    }
    partition->records[partition->count++] = record;
}

static void note_open(memory_partition *partition, int64_t transaction, int64_t offset)
{
    for (size_t i = 0; i < partition->open_count; i++)
        if (partition->opens[i].transaction == transaction) return;
    partition->opens =
        stele_realloc_array(partition->opens, partition->open_count + 1, sizeof *partition->opens);
    partition->opens[partition->open_count++] = (memory_open){transaction, offset};
}

int64_t stele_memory_append(memory_partition *partition, memory_payload *payload,
                            int64_t timestamp_ms, int64_t transaction)
{
    assert(payload != NULL && transaction >= 0);
    int64_t offset = partition->end++;
    add_record(partition, (memory_record){.offset = offset,
                                          .timestamp_ms = timestamp_ms,
                                          .transaction = transaction,
                                          .payload = payload});
    if (transaction != 0) note_open(partition, transaction, offset);
    return offset;
}

static void hide_aborted(memory_partition *partition, const memory_open *open)
{
    size_t first = stele_memory_find_record(partition, open->first_offset);
    for (size_t i = first; i < partition->count; i++)
        if (partition->records[i].transaction == open->transaction)
            partition->records[i].aborted = true;
}

void stele_memory_mark(memory_partition *partition, int64_t transaction, bool committed,
                       int64_t timestamp_ms)
{
    size_t at = 0;
    while (at < partition->open_count && partition->opens[at].transaction != transaction)
        at++;
    if (at == partition->open_count) return; /* the topic was made again meanwhile */

    int64_t stable = stele_memory_end(partition, STELE_READ_COMMITTED);
    if (!committed) hide_aborted(partition, &partition->opens[at]);
    partition->opens[at] = partition->opens[--partition->open_count];
    int64_t offset = partition->end++;
    add_record(partition, (memory_record){.offset = offset, .timestamp_ms = timestamp_ms});
    assert(stable <= stele_memory_end(partition, STELE_READ_COMMITTED));
    (void)stable;
}

/* ---- seeing ---- */

int64_t stele_memory_end(const memory_partition *partition, stele_isolation isolation)
{
    int64_t end = partition->end;
    if (isolation == STELE_READ_UNCOMMITTED) return end;
    for (size_t i = 0; i < partition->open_count; i++)
        if (partition->opens[i].first_offset < end) end = partition->opens[i].first_offset;
    return end;
}

size_t stele_memory_find_record(const memory_partition *partition, int64_t offset)
{
    size_t low = 0;
    size_t high = partition->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (partition->records[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool stele_memory_is_visible(const memory_record *record, stele_isolation isolation)
{
    if (record->payload == NULL) return false;
    return isolation == STELE_READ_UNCOMMITTED || !record->aborted;
}

/* ---- cleaning ---- */

void stele_memory_delete_before(memory_partition *partition, int64_t before)
{
    assert(partition->start <= before && before <= partition->end);
    size_t gone = stele_memory_find_record(partition, before);
    for (size_t i = 0; i < gone; i++)
        free(partition->records[i].payload);
    partition->count -= gone;
    if (partition->count > 0)
        memmove(partition->records, partition->records + gone,
                partition->count * sizeof *partition->records);
    partition->start = before;
}

/* What cleaning may keep: Kafka's drops records without a key, too. */
static bool is_cleanable(const memory_record *record)
{
    return stele_memory_is_visible(record, STELE_READ_COMMITTED) &&
           record->payload->key.data != NULL;
}

/* The last committed offset of each key below `clean`. */
static stele_table *find_last(const memory_partition *partition, size_t clean)
{
    stele_table *last = stele_table_new(sizeof(int64_t), 0);
    for (size_t i = 0; i < clean; i++) {
        const memory_record *record = &partition->records[i];
        if (!is_cleanable(record)) continue;
        int64_t *offset = stele_table_insert(last, record->payload->key, NULL);
        if (offset != NULL) *offset = record->offset;
    }
    return last;
}

/* A tombstone's time runs from the first cleaning that meets it (KIP-534). */
static bool outlives(memory_record *tombstone, int64_t now_ms, int64_t retention_ms)
{
    if (tombstone->horizon_ms != 0) return now_ms < tombstone->horizon_ms;
    bool is_endless = retention_ms > INT64_MAX - now_ms;
    tombstone->horizon_ms = is_endless ? INT64_MAX : now_ms + retention_ms;
    return true;
}

static bool survives(const memory_record *record, const stele_table *last)
{
    if (!is_cleanable(record)) return false;
    /* A key too long for the table is kept: only cleaning is forgone. */
    const int64_t *offset = stele_table_find(last, record->payload->key);
    return offset == NULL || *offset == record->offset;
}

void stele_memory_compact_partition(memory_partition *partition, int64_t now_ms,
                                    int64_t retention_ms)
{
    int64_t stable = stele_memory_end(partition, STELE_READ_COMMITTED);
    size_t clean = stele_memory_find_record(partition, stable);
    assert(stable <= partition->end);
    STELE_AUTO(stele_table) last = find_last(partition, clean);
    size_t kept = 0;
    for (size_t i = 0; i < partition->count; i++) {
        memory_record *record = &partition->records[i];
        bool is_tombstone = record->payload != NULL && record->payload->value.data == NULL;
        bool stays = i >= clean || (survives(record, last) &&
                                    (!is_tombstone || outlives(record, now_ms, retention_ms)));
        if (stays)
            partition->records[kept++] = *record;
        else
            free(record->payload);
    }
    partition->count = kept;
}

void stele_memory_partition_clear(memory_partition *partition)
{
    for (size_t i = 0; i < partition->count; i++)
        free(partition->records[i].payload);
    free(partition->records);
    free(partition->opens);
}
