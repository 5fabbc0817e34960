/* SPDX-License-Identifier: MIT
 * Who owns which partition, as the owners themselves say it: the compact topic `_stele.owners`. A
 * record's key is "<topic>/<partition>". It is written in the owner's first transaction, so that
 * only who holds the partition's transactional id can write it, and the last one is the owner's. */
#ifndef STELE_AGGREGATES_OWNERS_H
#define STELE_AGGREGATES_OWNERS_H

#include <stele/buffer.h>

#include "core/deadline.h"
#include "kafka/log.h"

enum { STELE_OWNER_TEXT_MAX = 255 };

/** What an owner says of itself. */
typedef struct stele_owner {
    int64_t term; /* one more than that of the owner before; from 1 */
    char instance[STELE_OWNER_TEXT_MAX + 1];
    char address[STELE_OWNER_TEXT_MAX + 1]; /* host:port of its HTTP; "": it has none */
    int64_t time_ms;                        /* Unix: when it began */
} stele_owner;

/** Append it as JSON: {"term", "instance", "address", "time"}. */
void stele_owner_write(const stele_owner *owner, stele_buffer *out);

/** @param out  filled on success only @return false: that is no such JSON */
bool stele_owner_read(stele_bytes json, stele_owner *out);

/**
 * Make the topic if it does not exist, and check it if it does.
 *
 * @param events  the topic whose replication it takes
 * @return STELE_E_INCOMPATIBLE  its settings would lose records; the text has the way out (STOP)
 *         what the log fails with
 */
stele_status stele_owners_ensure(stele_log *log, const char *events, int timeout_ms,
                                 stele_error *err);

/**
 * The last term of each partition of a topic, of all that is in `_stele.owners` when the call
 * begins: of what is not committed, too. A transaction that hangs there, of whichever owner, would
 * keep everyone from becoming one; and a term that was given up is never given again.
 *
 * @param terms  0 where there was no owner yet
 * @param count  of partitions
 */
stele_status stele_owners_read_terms(stele_log *log, const char *topic, stele_deadline by,
                                     int64_t *terms, int32_t count, stele_error *err);

#endif
