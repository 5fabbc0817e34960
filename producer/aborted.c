/* SPDX-License-Identifier: MIT
 * Last stable offsets against the high watermarks that there were after an abort. */
#include "producer/aborted.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

static bool has_place(const stele_aborted *aborted, stele_partition partition)
{
    for (size_t i = 0; i < aborted->count; i++)
        if (aborted->places[i].index == partition.index &&
            strcmp(aborted->places[i].topic, partition.topic) == 0)
            return true;
    return false;
}

void stele_aborted_add(stele_aborted *aborted, const stele_transaction *transaction)
{
    for (size_t i = 0; i < stele_transaction_count(transaction); i++) {
        stele_partition partition = stele_transaction_position(transaction, i).partition;
        if (has_place(aborted, partition)) continue;
        aborted->places =
            stele_realloc_array(aborted->places, aborted->count + 1, sizeof *aborted->places);
        aborted->places[aborted->count++] =
            (stele_aborted_place){stele_strdup(partition.topic), partition.index, -1, false};
    }
}

void stele_aborted_clear(stele_aborted *aborted)
{
    for (size_t i = 0; i < aborted->count; i++)
        free(aborted->places[i].topic);
    free(aborted->places);
    *aborted = (stele_aborted){0};
}

static stele_status check(stele_aborted_place *place, stele_log *log, int timeout_ms,
                          stele_error *err)
{
    stele_partition partition = {place->topic, place->index};
    int64_t end;
    stele_status status = STELE_OK;
    if (place->end < 0)
        status = stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, timeout_ms, NULL,
                                  &place->end, err);
    if (status == STELE_OK)
        status =
            stele_log_bounds(log, partition, STELE_READ_COMMITTED, timeout_ms, NULL, &end, err);
    if (status < 0) return status;
    if (end < place->end)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s/%d: the transaction before, which was aborted, is still open there: "
                          "it hangs, and its owner has to begin again",
                          place->topic, (int)place->index);
    place->is_ended = true;
    return STELE_OK;
}

stele_status stele_aborted_check(stele_aborted *aborted, stele_log *log, int timeout_ms,
                                 stele_error *err)
{
    for (size_t i = 0; i < aborted->count; i++) {
        if (aborted->places[i].is_ended) continue;
        stele_status status = check(&aborted->places[i], log, timeout_ms, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}
