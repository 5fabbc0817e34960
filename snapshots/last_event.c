/* SPDX-License-Identifier: MIT
 * Comparing the last event of a checkpoint with the log. */
#include "snapshots/last_event.h"

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/bounded_read.h"
#include "snapshots/format.h"

enum { ASK_MS = 60000 };

static stele_status fail_changed(const stele_last_event *last, stele_error *err)
{
    STELE_AUTO(char) owner = stele_version_owner(last->group);
    return stele_fail(
        err, STELE_E_HOLE, STELE_NEXT_STOP,
        "%s: another record than the one that the checkpoint of %s was made after: "
        "the log was cut or made again; raise the version of %s to replay what is "
        "there",
        stele_position_format(last->source.topic, last->source.index, last->offset).text,
        last->group, owner);
}

stele_status stele_last_event_check(const stele_last_event *last, const stele_batch *batch,
                                    bool *compared, stele_error *err)
{
    const stele_record *found = batch->count > 0 ? &batch->records[0] : NULL;
    if (found == NULL && batch->next_offset <= last->offset) return STELE_OK;
    if (found == NULL || found->offset != last->offset || stele_event_hash(found) != last->hash)
        return fail_changed(last, err);
    *compared = true;
    return STELE_OK;
}

typedef struct comparison {
    const stele_last_event *last;
    bool compared;
} comparison;

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    comparison *c = context;
    stele_status status = stele_last_event_check(c->last, batch, &c->compared, err);
    if (status < 0) return status;
    return c->compared ? STELE_BOUNDED_READ_ENOUGH : STELE_OK;
}

stele_status stele_last_event_read(stele_log *log, const stele_last_event *last,
                                   stele_deadline deadline, const atomic_bool *stop,
                                   stele_error *err)
{
    if (last->offset < 0) return STELE_OK;
    int64_t start;
    int64_t end;
    stele_status status =
        stele_log_bounds(log, last->source, STELE_READ_UNCOMMITTED,
                         stele_deadline_remaining_ms(deadline, ASK_MS), &start, &end, err);
    if (status < 0 || last->offset < start) return status;
    comparison c = {.last = last};
    stele_bounded_read_start from = {last->source, last->offset};
    status = stele_bounded_read(log,
                                &(stele_bounded_read_options){.starts = &from,
                                                              .count = 1,
                                                              .deadline = deadline,
                                                              .stop = stop,
                                                              .take = take_batch,
                                                              .context = &c},
                                err);
    if (status == STELE_OK && !c.compared) return fail_changed(last, err);
    return status;
}
