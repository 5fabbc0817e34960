/* SPDX-License-Identifier: MIT
 * Remembers where a transaction went, and asks the log whether it is seen there. It begins and ends
 * no transaction, and does not wait: fenced.c decides how long an answer may take. */
#include "producer/committed.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "producer/transaction.h"

void stele_committed_init(stele_committed *committed, stele_log *log, const char *group,
                          const stele_partition *follows, stele_monitor *monitor)
{
    *committed = (stele_committed){.log = log, .group = group, .monitor = monitor};
    committed->follows = (stele_partition){stele_strdup(follows->topic), follows->index};
}

void stele_committed_clear(stele_committed *committed)
{
    for (size_t i = 0; i < committed->count; i++)
        free(committed->places[i].topic);
    free(committed->places);
    free(committed->source_topic);
    free((char *)committed->follows.topic);
    *committed = (stele_committed){0};
}

bool stele_committed_follows(const stele_committed *committed)
{
    return committed->follows.topic != NULL;
}

/* ---- what went where ---- */

static bool is_followed(const stele_committed *committed, stele_partition partition)
{
    return stele_committed_follows(committed) && committed->follows.index == partition.index &&
           strcmp(committed->follows.topic, partition.topic) == 0;
}

static stele_committed_place *find_place(stele_committed *committed, stele_partition partition)
{
    for (size_t i = 0; i < committed->count; i++) {
        stele_committed_place *each = &committed->places[i];
        if (each->index == partition.index && strcmp(each->topic, partition.topic) == 0)
            return each;
    }
    return NULL;
}

static stele_committed_place *add_place(stele_committed *committed, stele_partition partition)
{
    committed->places =
        stele_realloc_array(committed->places, committed->count + 1, sizeof *committed->places);
    stele_committed_place *added = &committed->places[committed->count++];
    *added = (stele_committed_place){
        .topic = stele_strdup(partition.topic),
        .index = partition.index,
        .where = is_followed(committed, partition) ? STELE_COMMITTED_FOLLOWED
                                                   : STELE_COMMITTED_ELSEWHERE,
    };
    return added;
}

/* @return where that is */
static int add(stele_committed *committed, stele_position position)
{
    stele_committed_place *place = find_place(committed, position.partition);
    if (place == NULL) place = add_place(committed, position.partition);
    if (!place->is_new || place->offset < position.offset) place->offset = position.offset;
    place->is_new = true;
    return place->where;
}

int stele_committed_add(stele_committed *committed, const stele_transaction *transaction)
{
    int where = transaction->source_count > 0 ? STELE_COMMITTED_ELSEWHERE : 0;
    for (size_t i = 0; i < transaction->count; i++)
        where |= add(committed, stele_transaction_position(transaction, i));
    for (size_t i = 0; i < committed->count; i++) {
        stele_committed_place *place = &committed->places[i];
        /* Readers may be ahead of the answer to the commit. */
        if (place->is_new)
            place->is_seen =
                place->where == STELE_COMMITTED_FOLLOWED && place->offset < committed->followed_end;
        place->is_new = false;
    }
    if (committed->group == NULL || transaction->source_count == 0) return where;
    free(committed->source_topic);
    committed->source_topic = stele_strdup(transaction->sources[0].topic);
    committed->source_index = transaction->sources[0].index;
    committed->offset_is_seen = false;
    return where;
}

/* ---- what is seen ---- */

void stele_committed_see(stele_committed *committed, stele_partition partition, int64_t offset)
{
    stele_monitor_lock(committed->monitor);
    if (is_followed(committed, partition)) committed->followed_end = offset;
    stele_committed_place *place = find_place(committed, partition);
    if (place != NULL && !place->is_seen && offset > place->offset) {
        place->is_seen = true;
        stele_monitor_wake(committed->monitor);
    }
    stele_monitor_unlock(committed->monitor);
}

static bool is_all_seen(const stele_committed *committed, int where)
{
    for (size_t i = 0; i < committed->count; i++)
        if (committed->places[i].where == where && !committed->places[i].is_seen) return false;
    return true;
}

bool stele_committed_is_visible(const stele_committed *committed)
{
    return is_all_seen(committed, STELE_COMMITTED_FOLLOWED);
}

bool stele_committed_is_in_doubt(const stele_committed *committed)
{
    return !is_all_seen(committed, STELE_COMMITTED_ELSEWHERE) ||
           (committed->source_topic != NULL && !committed->offset_is_seen);
}

/* @param what  that is open, with a space behind it; "": the partition */
static stele_status fail_hanging(const char *topic, int32_t index, const char *what,
                                 stele_error *err)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s/%d: %sthe transaction before, which was committed, is still open there: "
                      "it hangs, and its owner has to begin again",
                      topic, (int)index, what);
}

static bool is_seen(const stele_committed *committed, size_t at)
{
    stele_monitor_lock(committed->monitor);
    bool seen = committed->places[at].is_seen;
    stele_monitor_unlock(committed->monitor);
    return seen;
}

stele_status stele_committed_check_places(stele_committed *committed, int where, int timeout_ms,
                                          stele_error *err)
{
    for (size_t i = 0; i < committed->count; i++) {
        if ((committed->places[i].where & where) == 0 || is_seen(committed, i)) continue;
        const stele_committed_place *place = &committed->places[i];
        stele_partition partition = {place->topic, place->index};
        int64_t end;
        stele_status status = stele_log_bounds(committed->log, partition, STELE_READ_COMMITTED,
                                               timeout_ms, NULL, &end, err);
        if (status < 0) return status;
        if (end <= place->offset) return fail_hanging(place->topic, place->index, "", err);
        stele_committed_see(committed, partition, end);
    }
    return STELE_OK;
}

stele_status stele_committed_check_offset(stele_committed *committed, int timeout_ms,
                                          stele_error *err)
{
    if (committed->source_topic == NULL || committed->offset_is_seen) return STELE_OK;
    stele_partition source = {committed->source_topic, committed->source_index};
    int64_t offset;
    stele_status status =
        stele_log_group_offset(committed->log, committed->group, source, timeout_ms, &offset, err);
    if (status == STELE_E_CONFLICT)
        return fail_hanging(source.topic, source.index, "the group's offset of ", err);
    if (status == STELE_OK) committed->offset_is_seen = true;
    return status;
}
