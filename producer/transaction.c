/* SPDX-License-Identifier: MIT
 * What a transaction holds until it is written: copies of its records in one buffer. */
#include "producer/transaction.h"

#include "core/alloc.h"

/* What a record costs beyond its bytes: framing in the batch and our bookkeeping. */
enum { RECORD_OVERHEAD = 32 };

stele_transaction *stele_transaction_new(void)
{
    return stele_alloc(sizeof(stele_transaction));
}

void stele_transaction_free(stele_transaction *transaction)
{
    if (transaction == NULL) return;
    stele_buffer_clear(&transaction->bytes);
    free(transaction->records);
    free(transaction->headers);
    free(transaction->scratch);
    if (transaction->group != NULL) stele_log_group_free(transaction->group);
    for (size_t i = 0; i < transaction->source_count; i++)
        free(transaction->sources[i].topic);
    free(transaction->sources);
    free(transaction->floor.topic);
    free(transaction);
}

static transaction_slice copy_bytes(stele_transaction *transaction, stele_bytes bytes)
{
    transaction_slice slice = {transaction->bytes.size, bytes.size, bytes.data == NULL};
    if (bytes.size != 0) stele_buffer_append(&transaction->bytes, bytes);
    return slice;
}

static size_t copy_text(stele_transaction *transaction, const char *text)
{
    size_t at = transaction->bytes.size;
    stele_buffer_append(&transaction->bytes, stele_bytes_of(text, strlen(text) + 1));
    return at;
}

static const char *text_at(const stele_transaction *transaction, size_t at)
{
    return (const char *)transaction->bytes.data + at;
}

/* The records of a transaction mostly go to one topic: its name is kept once. */
static size_t copy_topic(stele_transaction *transaction, const char *topic)
{
    if (transaction->count > 0) {
        size_t before = transaction->records[transaction->count - 1].topic_at;
        if (strcmp(text_at(transaction, before), topic) == 0) return before;
    }
    return copy_text(transaction, topic);
}

static void copy_header(stele_transaction *transaction, const stele_header *header)
{
    if (transaction->header_count == transaction->header_capacity) {
        transaction->header_capacity = 2 * transaction->header_capacity + 8;
        transaction->headers = stele_realloc_array(
            transaction->headers, transaction->header_capacity, sizeof *transaction->headers);
    }
    size_t name_at = copy_text(transaction, header->name);
    transaction->headers[transaction->header_count++] =
        (transaction_header){.name_at = name_at, .value = copy_bytes(transaction, header->value)};
}

void stele_transaction_put(stele_transaction *transaction, stele_partition partition,
                           stele_bytes key, stele_bytes value, const stele_header *headers,
                           size_t header_count)
{
    if (transaction->count == transaction->capacity) {
        transaction->capacity = 2 * transaction->capacity + 16;
        transaction->records = stele_realloc_array(transaction->records, transaction->capacity,
                                                   sizeof *transaction->records);
    }
    transaction_record record = {.topic_at = copy_topic(transaction, partition.topic),
                                 .partition = partition.index,
                                 .key = copy_bytes(transaction, key),
                                 .value = copy_bytes(transaction, value),
                                 .first_header = transaction->header_count,
                                 .header_count = header_count,
                                 .time_ms = transaction->time_ms,
                                 .offset = STELE_OFFSET_NONE};
    for (size_t i = 0; i < header_count; i++)
        copy_header(transaction, &headers[i]);
    transaction->records[transaction->count++] = record;
}

void stele_transaction_time(stele_transaction *transaction, int64_t time_ms)
{
    transaction->time_ms = time_ms;
}

size_t stele_transaction_size(const stele_transaction *transaction)
{
    return transaction->bytes.size + transaction->count * RECORD_OVERHEAD;
}

size_t stele_transaction_count(const stele_transaction *transaction)
{
    return transaction->count;
}

void stele_transaction_offset(stele_transaction *transaction, stele_log_group *group,
                              stele_partition source, int64_t offset)
{
    if (transaction->group != NULL) stele_log_group_free(transaction->group);
    transaction->group = group;
    for (size_t i = 0; i < transaction->source_count; i++) {
        transaction_source *known = &transaction->sources[i];
        if (known->index != source.index || strcmp(known->topic, source.topic) != 0) continue;
        known->offset = offset;
        return;
    }
    transaction->sources = stele_realloc_array(transaction->sources, transaction->source_count + 1,
                                               sizeof *transaction->sources);
    transaction->sources[transaction->source_count++] =
        (transaction_source){stele_strdup(source.topic), source.index, offset};
}

stele_position stele_transaction_position(const stele_transaction *transaction, size_t index)
{
    const transaction_record *record = &transaction->records[index];
    return (stele_position){{text_at(transaction, record->topic_at), record->partition},
                            record->offset};
}

bool stele_transaction_goes_to(const stele_transaction *transaction, stele_partition partition)
{
    for (size_t i = 0; i < transaction->count; i++) {
        const transaction_record *record = &transaction->records[i];
        if (record->partition == partition.index &&
            strcmp(text_at(transaction, record->topic_at), partition.topic) == 0)
            return true;
    }
    return false;
}

void stele_transaction_above(stele_transaction *transaction, stele_partition partition,
                             int64_t offset)
{
    free(transaction->floor.topic);
    transaction->floor =
        (transaction_source){stele_strdup(partition.topic), partition.index, offset};
}

bool stele_transaction_is_below(const stele_transaction *transaction)
{
    const transaction_source *floor = &transaction->floor;
    int64_t next = floor->offset;
    for (size_t i = 0; i < transaction->count && floor->topic != NULL; i++) {
        const transaction_record *record = &transaction->records[i];
        if (record->offset < 0 || record->partition != floor->index ||
            strcmp(text_at(transaction, record->topic_at), floor->topic) != 0)
            continue;
        if (record->offset < next) return true;
        next = record->offset + 1; /* they come in the order in which they were put */
    }
    return false;
}

void stele_transaction_abort(stele_transaction *transaction)
{
    transaction->aborts = true;
}

static stele_bytes view(const stele_transaction *transaction, transaction_slice slice)
{
    if (slice.is_null) return (stele_bytes){0};
    return stele_bytes_of(text_at(transaction, slice.at), slice.size);
}

stele_log_entry stele_transaction_entry(stele_transaction *transaction, size_t index)
{
    const transaction_record *record = &transaction->records[index];
    if (record->header_count > transaction->scratch_count) {
        transaction->scratch_count = record->header_count;
        transaction->scratch = stele_realloc_array(transaction->scratch, transaction->scratch_count,
                                                   sizeof *transaction->scratch);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        const transaction_header *header = &transaction->headers[record->first_header + i];
        transaction->scratch[i] =
            (stele_header){text_at(transaction, header->name_at), view(transaction, header->value)};
    }
    return (stele_log_entry){
        .partition = {text_at(transaction, record->topic_at), record->partition},
        .key = view(transaction, record->key),
        .value = view(transaction, record->value),
        .headers = transaction->scratch,
        .header_count = record->header_count,
        .timestamp_ms = record->time_ms,
        .opaque = (void *)(uintptr_t)index};
}
