/* SPDX-License-Identifier: MIT
 * The walk of an audit: each partition to its last stable offset, once more where something seems
 * to be there twice, then everything to the end, seen or not, and at last what does not end. */
#include "consumer/audit_inside.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "kafka/bounded_read.h"

enum {
    PATIENCE_MS = 30000,
    SETTLE_MS = 20000, /* our transactions are over after 10 s, and the broker looks every 10 s */
    LOOK_MS = 100,
    MISSING_MS = 2000 /* a schema that was registered a moment ago */
};

/* A partition as it was when the audit began. */
typedef struct bounds {
    int64_t start, stable, end;
    int64_t first_open_ms; /* time of the first record past `stable`; -1: none is there */
    int64_t held_back;     /* records past it */
    int64_t committed;     /* records before it that can be seen … */
    int64_t all;           /* … and all of them */
    char *id;              /* of the first record past it */
    bool is_settled;       /* what was open has ended */
} bounds;

typedef struct audit {
    stele_audit_run run;
    stele_audit_options options;
    int32_t first, count; /* of the partitions */
    bounds *bounds;
    int64_t began_ns;
    int64_t done, total, at; /* progress; `at`: in the partition */
} audit;

static void audit_clear(audit *a)
{
    stele_audit_run *run = &a->run;
    for (int32_t i = 0; a->bounds != NULL && i < a->count; i++)
        free(a->bounds[i].id);
    free(a->bounds);
    stele_table_free(run->aggregates);
    stele_table_free(run->refused);
    stele_table_free(run->others);
    stele_table_free(run->named);
    stele_fingerprints_free(run->commands);
    stele_fingerprints_free(run->ids);
    stele_fingerprints_free(run->twice);
    stele_decoder_free(run->decoder);
    stele_value_reader_free(run->reader);
}
STELE_VALUE_SCOPE(audit, audit_clear);

/* ---- reading ---- */

static void show_progress(audit *a, int64_t next_offset)
{
    if (next_offset > a->at) a->done += next_offset - a->at;
    a->at = next_offset;
    if (a->options.progress == NULL) return;
    a->options.progress(a->options.context, a->done, a->done > a->total ? a->done : a->total);
}

static int take_visible(void *context, const stele_batch *batch, stele_error *err)
{
    audit *a = context;
    show_progress(a, batch->next_offset);
    return stele_audit_take(&a->run, batch, err);
}

static bounds *bounds_of(audit *a)
{
    return &a->bounds[a->run.source.index - a->first];
}

static int take_all(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    audit *a = context;
    bounds *here = bounds_of(a);
    show_progress(a, batch->next_offset);
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->offset < here->stable) {
            here->all++;
            continue;
        }
        if (here->held_back++ > 0) continue;
        here->first_open_ms = record->timestamp_ms;
        if (record->key.data != NULL)
            here->id = stele_strndup((const char *)record->key.data, record->key.size);
    }
    return STELE_OK;
}

static stele_status read_partition(audit *a, bool all, stele_error *err)
{
    const stele_bounded_read_start start = {a->run.source, STELE_OFFSET_NONE};
    a->at = bounds_of(a)->start;
    return stele_bounded_read(
        a->options.log,
        &(stele_bounded_read_options){
            .starts = &start,
            .count = 1,
            .isolation = all ? STELE_READ_UNCOMMITTED : STELE_READ_COMMITTED,
            .stable = !all,
            .deadline = stele_deadline_after(stele_log_clock(a->options.log), -1),
            .patience_ms = a->options.patience_ms,
            .stop = a->options.stop,
            .take = all ? take_all : take_visible,
            .context = a},
        err);
}

/* ---- a partition ---- */

static void begin_partition(audit *a, int32_t index)
{
    a->run.source.index = a->first + index;
    a->run.log_start = a->bounds[index].start;
    a->run.settled = a->bounds[index].stable;
    a->run.visible = 0;
    stele_audit_forget_aggregates(&a->run);
}

static stele_status audit_partition(audit *a, int32_t index, stele_error *err)
{
    begin_partition(a, index);
    bounds *here = &a->bounds[index];
    if (here->start > 0)
        stele_audit_find(&a->run, STELE_AUDIT_HOLE, here->start, (stele_bytes){0},
                         "the log begins here: retention or an administrator has deleted the "
                         "offsets before it");
    stele_status status = read_partition(a, false, err);
    here->committed = a->run.visible;
    if (status == STELE_OK) status = read_partition(a, true, err);
    if (status < 0) return status;
    a->run.counts->partitions++;
    a->run.counts->aborted += here->all - here->committed;
    a->run.counts->held_back += here->held_back;
    return STELE_OK;
}

/* A second time: where exactly it is. */
static stele_status name_what_is_twice(audit *a, stele_error *err)
{
    if (stele_fingerprints_count(a->run.twice) == 0) return STELE_OK;
    a->run.is_naming = true;
    a->run.named = stele_table_new(sizeof(stele_audit_place), 0);
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < a->count && status == STELE_OK; i++) {
        begin_partition(a, i);
        status = read_partition(a, false, err);
    }
    return status;
}

/* ---- what does not end ---- */

static stele_status ask_bounds(audit *a, int32_t index, stele_isolation isolation, int64_t *start,
                               int64_t *end, stele_error *err)
{
    return stele_log_bounds(a->options.log,
                            (stele_partition){a->run.source.topic, a->first + index}, isolation,
                            a->options.patience_ms, start, end, err);
}

static stele_status find_bounds(audit *a, stele_error *err)
{
    a->bounds = stele_alloc_array((size_t)a->count, sizeof *a->bounds);
    a->began_ns = stele_log_now_ns(a->options.log);
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < a->count && status == STELE_OK; i++) {
        bounds *here = &a->bounds[i];
        here->first_open_ms = -1;
        status = ask_bounds(a, i, STELE_READ_COMMITTED, &here->start, &here->stable, err);
        if (status == STELE_OK)
            status = ask_bounds(a, i, STELE_READ_UNCOMMITTED, &here->start, &here->end, err);
        a->total += here->stable - here->start + here->end - here->start;
        here->is_settled = here->stable == here->end;
    }
    return status;
}

static stele_status look_what_is_open(audit *a, int32_t *open, stele_error *err)
{
    *open = 0;
    for (int32_t i = 0; i < a->count; i++) {
        int64_t start;
        int64_t stable;
        if (a->bounds[i].is_settled) continue;
        stele_status status = ask_bounds(a, i, STELE_READ_COMMITTED, &start, &stable, err);
        if (status < 0) return status;
        a->bounds[i].is_settled = stable > a->bounds[i].stable;
        *open += !a->bounds[i].is_settled;
    }
    return STELE_OK;
}

static void find_hanging(audit *a, int32_t index)
{
    const bounds *here = &a->bounds[index];
    char since[STELE_DATE_TEXT_MAX + 1] = "an unknown time";
    if (here->first_open_ms >= 0)
        stele_format_timestamp(here->first_open_ms, STELE_TIME_MILLIS, since);
    a->run.source.index = a->first + index;
    stele_audit_find(&a->run, STELE_AUDIT_HANGING, here->stable, stele_text(here->id),
                     "a transaction is open since %s and does not end: it holds back %" PRId64
                     " records, and all that come after it. The owner of the partition ends what "
                     "is its own when it is started; kafka-transactions.sh --abort ends any",
                     since, here->held_back);
}

/* Every open transaction has a while to end in. */
static stele_status await_ends(audit *a, stele_error *err)
{
    stele_clock clock = stele_log_clock(a->options.log);
    int64_t until_ns = a->began_ns + (int64_t)a->options.settle_ms * 1000000;
    int32_t open;
    for (;;) {
        stele_status status = look_what_is_open(a, &open, err);
        if (status < 0) return status;
        if (open == 0 || stele_clock_monotonic_ns(clock) >= until_ns) break;
        if (a->options.stop != NULL && atomic_load(a->options.stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                              "interrupted while waiting for open transactions to end");
        stele_sleep_ms(stele_log_runtime(a->options.log), LOOK_MS);
    }
    for (int32_t i = 0; i < a->count; i++)
        if (!a->bounds[i].is_settled) find_hanging(a, i);
    return STELE_OK;
}

/* ---- all of it ---- */

static stele_status find_partitions(audit *a, stele_error *err)
{
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(a->options.log, a->options.topic,
                                                   a->options.patience_ms, &topic, err);
    if (status < 0) return status;
    a->run.partitions = topic.partitions;
    a->count = topic.partitions;
    if (a->options.partition == STELE_AUDIT_ALL) return STELE_OK;
    if (a->options.partition < 0 || a->options.partition >= topic.partitions)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "%s has %d partitions, from 0 on: there is no %d", a->options.topic,
                          (int)topic.partitions, (int)a->options.partition);
    a->first = a->options.partition;
    a->count = 1;
    return STELE_OK;
}

static void open_run(audit *a)
{
    stele_audit_run *run = &a->run;
    run->source.topic = a->options.topic;
    run->refused = stele_table_new(sizeof(stele_audit_refusal), 0);
    run->others = stele_table_new(sizeof(int64_t), 0);
    run->ids = stele_fingerprints_new();
    run->twice = stele_fingerprints_new();
    run->reader = stele_value_reader_new(a->options.registry, a->options.patience_ms);
    const stele_aggregate *aggregate = a->options.aggregate;
    if (aggregate == NULL) return;
    stele_decoder_new(&(stele_decoder_options){.registry = a->options.registry,
                                               .types = aggregate->events,
                                               .upcasters = aggregate->upcasters,
                                               .missing_timeout_ms = MISSING_MS},
                      &run->decoder);
}

static void tell_notes(const audit *a)
{
    stele_table_cursor cursor = {0};
    const int64_t *count;
    if (a->options.note == NULL) return;
    while ((count = stele_table_next(a->run.others, &cursor)) != NULL) {
        stele_bytes name = stele_table_key(a->run.others, count);
        STELE_AUTO(char) text = stele_strndup((const char *)name.data, name.size);
        a->options.note(a->options.context, text, *count);
    }
}

stele_status stele_audit(const stele_audit_options *options, stele_audit_counts *out,
                         stele_error *err)
{
    *out = (stele_audit_counts){0};
    STELE_AUTO_VALUE(audit) a = {.options = *options};
    if (a.options.patience_ms == 0) a.options.patience_ms = PATIENCE_MS;
    if (a.options.settle_ms == 0) a.options.settle_ms = SETTLE_MS;
    a.run.options = &a.options;
    a.run.counts = out;
    open_run(&a);
    stele_status status = find_partitions(&a, err);
    if (status == STELE_OK) status = find_bounds(&a, err);
    for (int32_t i = 0; i < a.count && status == STELE_OK; i++)
        status = audit_partition(&a, i, err);
    if (status == STELE_OK) status = name_what_is_twice(&a, err);
    if (status == STELE_OK) status = await_ends(&a, err);
    tell_notes(&a);
    return status;
}
