/* SPDX-License-Identifier: MIT
 * The writer itself: writer.c runs it, writer_calls.c takes calls in. */
#ifndef STELE_AGGREGATES_WRITER_SELF_H
#define STELE_AGGREGATES_WRITER_SELF_H

#include "aggregates/ownership.h"
#include "aggregates/companion.h"
#include "aggregates/writer_inside.h"
#include "core/monitor.h"
#include "core/uuid.h"

struct stele_writer {
    const stele_aggregate *aggregate;
    stele_log *log;
    stele_registry *registry;
    stele_projection *projection;
    stele_remembered_limits limits;
    stele_companion companion;
    stele_fold_owner owner;
    stele_fold *fold;
    stele_ownership *ownership;
    stele_worker *worker;
    stele_writer_setting setting;
    char *instance;
    char *topic;
    char *commands;     /* topic of them; NULL: they come by calls only */
    char *dead;         /* topic of their dead letters */
    const char *own[2]; /* it, and NULL */
    char *source;       /* ce_source; NULL: headers are minimal */
    size_t queue_max;
    stele_thread thread; /* of stele_writer_open */
    bool has_thread;
    atomic_bool stop;
    atomic_bool is_rung; /* the worker was woken, and has not looked yet */
    int64_t swept_ns;    /* of the worker's thread */

    /* Under the monitor. */
    stele_monitor monitor;
    stele_uuid_source ids;
    stele_desk *lobby;  /* until it is known how many partitions there are */
    stele_desk **desks; /* by partition */
    int32_t desk_count; /* -1: not known yet */
    stele_error ended;  /* why nothing is served any more; STELE_OK: it is */
};

static inline stele_clock writer_clock(const stele_writer *writer)
{
    return stele_log_clock(writer->log);
}

/* The desk for an aggregate; the monitor is held. */
stele_desk *writer_desk_of(const stele_writer *writer, stele_bytes aggregate_id);

#endif
