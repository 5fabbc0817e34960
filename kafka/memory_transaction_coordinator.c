/* SPDX-License-Identifier: MIT
 * The coordinator of transactions in memory (KIP-98): opened, ended with markers and offsets, or
 * timed out. */
#include "kafka/memory_broker.h"

#include <assert.h>
#include <stdlib.h>

int64_t stele_memory_open(memory_log *log, memory_transactional *transactional)
{
    assert(!transactional->ending && transactional->epoch > 0);
    if (transactional->open == 0) {
        assert(transactional->touched.count == 0);
        transactional->open =
            transactional->hung != 0 ? transactional->hung : ++log->last_transaction;
        transactional->opened_ns = stele_memory_now_ns(log);
    }
    return transactional->open;
}

static bool is_lost(uint64_t lost, size_t place)
{
    return place < 63 && (lost >> place & 1) != 0;
}

/* @param lost  bits of the partitions that do not get one */
static void write_markers(memory_log *log, memory_transactional *transactional, bool committed,
                          uint64_t lost)
{
    int64_t now_ms = stele_memory_now_ms(log);
    for (size_t i = 0; i < transactional->touched.count; i++) {
        memory_partition *partition =
            stele_memory_find_partition(log, transactional->touched.items[i]);
        if (partition != NULL && !is_lost(lost, i))
            stele_memory_mark(partition, transactional->open, committed, now_ms);
    }
    stele_memory_partitions_clear(&transactional->touched);
}

/* The group gets the end if this transaction has sent it an offset. */
static bool is_heard_by_group(const memory_transactional *transactional)
{
    for (size_t i = 0; i < transactional->pending_count; i++)
        if (!transactional->pending[i].hangs) return true;
    return false;
}

static void end_offsets(memory_log *log, memory_transactional *transactional, bool committed)
{
    if (!is_heard_by_group(transactional)) return;
    for (size_t i = 0; i < transactional->pending_count; i++) {
        memory_pending *pending = &transactional->pending[i];
        stele_partition partition = {pending->topic, pending->index};
        if (committed && stele_memory_find_partition(log, partition) != NULL)
            stele_memory_set_offset(pending->group, partition, pending->offset);
        free(pending->topic);
    }
    transactional->pending_count = 0;
}

static bool has_room_for_markers(const memory_log *log, const memory_transactional *transactional)
{
    for (size_t i = 0; i < transactional->touched.count; i++)
        if (stele_memory_is_full(log, transactional->touched.items[i].topic)) return false;
    return true;
}

/* The transaction has ended, and whoever has not heard of it goes on to hold it open. */
static void hang(memory_transactional *transactional)
{
    transactional->hung = transactional->open;
    for (size_t i = 0; i < transactional->pending_count; i++)
        transactional->pending[i].hangs = true;
}

void stele_memory_end_transaction(memory_log *log, memory_transactional *transactional,
                                  bool committed)
{
    if (transactional->open == 0 || transactional->ending) return;
    uint64_t lost = log->lost_markers;
    if (lost == 0 && !has_room_for_markers(log, transactional)) {
        transactional->ending = true;
        transactional->commits = committed;
        return;
    }
    log->lost_markers = 0;
    write_markers(log, transactional, committed, lost);
    if ((lost & STELE_LOG_MEMORY_GROUP) == 0) end_offsets(log, transactional, committed);
    if (lost != 0) hang(transactional);
    assert(transactional->open <= log->last_transaction);
    transactional->open = 0;
    stele_memory_changed(log);
}

void stele_memory_write_late_markers(memory_log *log)
{
    for (memory_transactional *it = log->transactionals; it != NULL; it = it->next) {
        if (!it->ending || !has_room_for_markers(log, it)) continue;
        it->ending = false;
        stele_memory_end_transaction(log, it, it->commits);
    }
}

void stele_memory_expire_transactions(memory_log *log)
{
    int64_t now_ns = stele_memory_now_ns(log);
    if (log->disk_is_full) return; /* it could not keep the new epoch */
    for (memory_transactional *it = log->transactionals; it != NULL; it = it->next) {
        if (it->open == 0 || it->ending || (now_ns - it->opened_ns) / 1000000 < it->timeout_ms)
            continue;
        it->epoch++;
        stele_memory_end_transaction(log, it, false);
    }
}
