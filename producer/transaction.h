/* SPDX-License-Identifier: MIT
 * The inside of a transaction's content: one run of bytes, and who points where in it. For
 * fenced.c. */
#ifndef STELE_PRODUCER_TRANSACTION_H
#define STELE_PRODUCER_TRANSACTION_H

#include <stele/buffer.h>

#include "producer/fenced.h"

/* Places in the transaction's bytes, which move while they grow. */
typedef struct transaction_slice {
    size_t at;
    size_t size;
    bool is_null;
} transaction_slice;

typedef struct transaction_header {
    size_t name_at; /* with a NUL behind it */
    transaction_slice value;
} transaction_header;

typedef struct transaction_record {
    size_t topic_at; /* with a NUL behind it */
    int32_t partition;
    transaction_slice key;
    transaction_slice value;
    size_t first_header;
    size_t header_count;
    int64_t time_ms;
    int64_t offset; /* -1: not delivered */
} transaction_record;

typedef struct transaction_source {
    char *topic; /* owned */
    int32_t index;
    int64_t offset;
} transaction_source;

struct stele_transaction {
    stele_buffer bytes;
    transaction_record *records;
    size_t count;
    size_t capacity;
    transaction_header *headers;
    size_t header_count;
    size_t header_capacity;
    stele_header *scratch; /* the headers of the entry that was asked for last */
    size_t scratch_count;

    int64_t time_ms; /* of what is put next */

    stele_log_group *group; /* owned; NULL: carries no offset */
    transaction_source *sources;
    size_t source_count;
    bool aborts;              /* it is written to be aborted */
    transaction_source floor; /* none of its records there is below; topic NULL: no one knows */

    stele_outcome outcome; /* once it is decided; its `transaction` is this one */
    stele_transaction *next;
};

/** Has it a record for that partition? */
bool stele_transaction_goes_to(const stele_transaction *transaction, stele_partition partition);

/** Is one of its records, which are delivered, below its floor, or below one that was put before
 * it?
 */
bool stele_transaction_is_below(const stele_transaction *transaction);

/** The record at `index`; views into the transaction, valid until the next call. */
stele_log_entry stele_transaction_entry(stele_transaction *transaction, size_t index);

#endif
