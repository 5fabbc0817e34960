/* SPDX-License-Identifier: MIT
 * What is asked about partitions and topics by many threads at once, as 64 partitions do that are
 * taken together: each kind of question, and how many of them become one request. */
#include "kafka/log_port.h"

#include <string.h>

#include "core/alloc.h"

enum { UNSTABLE_PAUSE_MS = 20 }; /* between two looks at an offset in an open transaction */

/* ---- about partitions ---- */

/* The head of a question about one. */
typedef struct partition_asked {
    stele_asked base;
    stele_log *log;
    stele_asked_partition is;
    size_t at; /* of it in the request */
} partition_asked;

static bool is_same(stele_partition a, stele_partition b)
{
    return a.index == b.index && strcmp(a.topic, b.topic) == 0;
}

/* Each partition once: a broker refuses a list that names one twice. */
static stele_asked_partition *list_partitions(stele_asked *first, size_t *out)
{
    size_t count = 0;
    for (const stele_asked *each = first; each != NULL; each = each->next)
        count++;
    stele_asked_partition *list = stele_alloc_array(count, sizeof *list);
    size_t filled = 0;
    for (stele_asked *each = first; each != NULL; each = each->next) {
        partition_asked *asked = (partition_asked *)each;
        asked->at = 0;
        while (asked->at < filled && !is_same(list[asked->at].partition, asked->is.partition))
            asked->at++;
        if (asked->at == filled) list[filled++].partition = asked->is.partition;
    }
    *out = filled;
    return list;
}

static void hand_out(stele_asked *first, const stele_asked_partition *answers)
{
    for (stele_asked *each = first; each != NULL; each = each->next) {
        partition_asked *asked = (partition_asked *)each;
        asked->is = answers[asked->at];
        each->error = asked->is.error;
    }
}

/* ---- bounds ---- */

typedef struct bounds_asked {
    partition_asked head;
    stele_isolation isolation;
    bool with_start;
} bounds_asked;

static bool bounds_join(const stele_asked *a, const stele_asked *b)
{
    return ((const bounds_asked *)a)->isolation == ((const bounds_asked *)b)->isolation;
}

static stele_status ask_bounds(stele_asked *first, int timeout_ms, stele_error *err)
{
    const bounds_asked *any = (const bounds_asked *)first;
    bool with_start = false;
    for (const stele_asked *each = first; each != NULL; each = each->next)
        with_start = with_start || ((const bounds_asked *)each)->with_start;
    stele_log *log = any->head.log;
    size_t partitions;
    stele_asked_partition *list = list_partitions(first, &partitions);
    stele_status status =
        log->ops->topic->bounds(log, any->isolation, list, partitions, with_start, timeout_ms, err);
    if (status == STELE_OK) hand_out(first, list);
    free(list);
    return status;
}

static const stele_round_kind bounds_kind = {bounds_join, ask_bounds};

stele_status stele_log_bounds(stele_log *log, stele_partition partition, stele_isolation isolation,
                              int timeout_ms, int64_t *start, int64_t *end, stele_error *err)
{
    bounds_asked asked = {
        .head = {.base.kind = &bounds_kind, .log = log, .is.partition = partition},
        .isolation = isolation,
        .with_start = start != NULL};
    stele_status status = stele_rounds_ask(&log->rounds, &asked.head.base, timeout_ms, err);
    if (status < 0) return status;
    if (start != NULL) *start = asked.head.is.start;
    *end = asked.head.is.offset;
    return STELE_OK;
}

/* Where one of them spoils it for all, each is asked by itself. */
void stele_log_bounds_of_all(stele_log *log, stele_asked_partition *partitions, size_t count,
                             stele_isolation isolation, int timeout_ms)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(log), timeout_ms);
    for (size_t i = 0; i < count; i++)
        partitions[i].error = (stele_error){0};
    if (count > 1 && log->ops->topic->bounds(log, isolation, partitions, count, true, timeout_ms,
                                             NULL) == STELE_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        stele_asked_partition *each = &partitions[i];
        each->error = (stele_error){0};
        stele_log_bounds(log, each->partition, isolation,
                         stele_deadline_remaining_ms(until, timeout_ms), &each->start,
                         &each->offset, &each->error);
    }
}

/* ---- offsets of a group ---- */

typedef struct offset_asked {
    partition_asked head;
    const char *group;
} offset_asked;

static bool offsets_join(const stele_asked *a, const stele_asked *b)
{
    return strcmp(((const offset_asked *)a)->group, ((const offset_asked *)b)->group) == 0;
}

static stele_status ask_offsets(stele_asked *first, int timeout_ms, stele_error *err)
{
    const offset_asked *any = (const offset_asked *)first;
    stele_log *log = any->head.log;
    size_t partitions;
    stele_asked_partition *list = list_partitions(first, &partitions);
    stele_status status =
        log->ops->group->offsets(log, any->group, list, partitions, timeout_ms, err);
    if (status == STELE_OK) hand_out(first, list);
    free(list);
    return status;
}

static const stele_round_kind offsets_kind = {offsets_join, ask_offsets};

/* One that is not stable is looked at again, by itself, so that it holds up no other. Where the
 * deadline cuts off the last look, the one before is the answer. */
stele_status stele_log_group_offset(stele_log *log, const char *group, stele_partition partition,
                                    int timeout_ms, int64_t *out, stele_error *err)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(log), timeout_ms);
    stele_error pending = {0};
    for (;;) {
        stele_error failure = {0};
        offset_asked asked = {
            .head = {.base.kind = &offsets_kind, .log = log, .is.partition = partition},
            .group = group};
        stele_status status = stele_rounds_ask(
            &log->rounds, &asked.head.base, stele_deadline_remaining_ms(until, 1 << 30), &failure);
        if (status == STELE_OK) {
            *out = asked.head.is.offset;
            return STELE_OK;
        }
        if (status == STELE_E_CONFLICT || pending.status == STELE_OK) pending = failure;
        if (pending.status != STELE_E_CONFLICT || stele_deadline_passed(until)) {
            if (err != NULL) *err = pending;
            return pending.status;
        }
        stele_sleep_ms(stele_log_runtime(log), UNSTABLE_PAUSE_MS);
    }
}

/* ---- a topic ---- */

typedef struct topic_asked {
    stele_asked base;
    stele_log *log;
    const char *name;
    stele_log_topic is;
} topic_asked;

static bool topics_join(const stele_asked *a, const stele_asked *b)
{
    return strcmp(((const topic_asked *)a)->name, ((const topic_asked *)b)->name) == 0;
}

/* That there is none is an answer, for all who asked. */
static stele_status ask_topic(stele_asked *first, int timeout_ms, stele_error *err)
{
    const topic_asked *any = (const topic_asked *)first;
    stele_log_topic found = {0};
    stele_error missing = {0};
    stele_status status =
        any->log->ops->topic->describe(any->log, any->name, timeout_ms, &found, &missing);
    if (status < 0 && status != STELE_E_NOT_FOUND) {
        if (err != NULL) *err = missing;
        return status;
    }
    for (stele_asked *each = first; each != NULL; each = each->next) {
        ((topic_asked *)each)->is = found;
        if (status < 0) each->error = missing;
    }
    return STELE_OK;
}

static const stele_round_kind topic_kind = {topics_join, ask_topic};

stele_status stele_log_topic_describe(stele_log *log, const char *name, int timeout_ms,
                                      stele_log_topic *out, stele_error *err)
{
    topic_asked asked = {.base.kind = &topic_kind, .log = log, .name = name};
    stele_status status = stele_rounds_ask(&log->rounds, &asked.base, timeout_ms, err);
    if (status == STELE_OK) *out = asked.is;
    return status;
}
