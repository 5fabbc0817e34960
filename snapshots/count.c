/* SPDX-License-Identifier: MIT
 * The partition count of a snapshots topic's checkpoints. */
#include "snapshots/count.h"

#include "kafka/bounded_read.h"
#include "snapshots/restore.h"

/* Each transaction ends with a checkpoint, so one is near the end, unless many were aborted. */
enum { TAIL_RECORDS = 16, TAIL_GROWTH = 64 };

static stele_status skip(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    (void)context;
    (void)snapshot;
    (void)err;
    return STELE_OK;
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    stele_restore *restore = context;
    stele_status status = stele_restore_take(restore, batch, err);
    if (status < 0) return status;
    return stele_restore_checkpoint(restore) != NULL ? STELE_BOUNDED_READ_ENOUGH : STELE_OK;
}

static stele_status read_from(const stele_count_options *options, int32_t index, int64_t offset,
                              int32_t *out, stele_error *err)
{
    stele_partition snapshots = {options->snapshots, index};
    STELE_AUTO(stele_restore) restore = NULL;
    stele_restore_new(&(stele_restore_options){.registry = options->registry,
                                               .snapshots = snapshots,
                                               .source = {options->events, index},
                                               .each = skip},
                      &restore);
    stele_bounded_read_start start = {snapshots, offset};
    stele_status status = stele_bounded_read(
        options->log,
        &(stele_bounded_read_options){
            .starts = &start,
            .count = 1,
            .deadline = stele_deadline_after(stele_log_clock(options->log), options->timeout_ms),
            .take = take_batch,
            .context = restore},
        err);
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(restore);
    *out = checkpoint == NULL ? 0 : checkpoint->partitions;
    if (status < 0 || checkpoint != NULL) return status;
    /* What is damaged there is for its own partition to say. */
    stele_error why;
    status = stele_restore_finish(restore, &why);
    if (status < 0 && why.next == STELE_NEXT_RETRY && err != NULL) *err = why;
    return status < 0 && why.next == STELE_NEXT_RETRY ? status : STELE_OK;
}

static stele_status look_at(const stele_count_options *options, int32_t index, int32_t *out,
                            stele_error *err)
{
    int64_t start;
    int64_t end;
    /* A topic that has just been made has no leader for a moment. */
    stele_deadline until = stele_deadline_after(stele_log_clock(options->log), options->timeout_ms);
    stele_status status =
        stele_log_bounds_by(options->log, (stele_partition){options->snapshots, index},
                            STELE_READ_COMMITTED, until, &start, &end, err);
    for (int64_t back = TAIL_RECORDS; status == STELE_OK && *out == 0 && start < end;
         back *= TAIL_GROWTH) {
        int64_t from = end - start > back ? end - back : start;
        status = read_from(options, index, from, out, err);
        if (from == start) break;
    }
    return status;
}

stele_status stele_snapshots_count(const stele_count_options *options, int32_t *out,
                                   stele_error *err)
{
    *out = 0;
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < options->partitions && *out == 0 && status == STELE_OK; i++)
        status = look_at(options, i, out, err);
    return status;
}

stele_status stele_snapshots_fail_count(stele_error *err, const char *events,
                                        const char *projection, int version, const char *store,
                                        int32_t then, int32_t now)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s had %d partitions at the %s of %s.v%d%s%s and has %d: keys have "
                      "moved, so states would be split in two; copy its events to a new topic",
                      events, (int)then, store == NULL ? "checkpoint" : "position", projection,
                      version, store == NULL ? "" : " in ", store == NULL ? "" : store, (int)now);
}
