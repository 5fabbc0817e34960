/* SPDX-License-Identifier: MIT
 * The log port's calls: each finds its implementation behind the object and goes there. */
#include "kafka/log_port.h"

#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum {
    ASK_MS = 5000, /* one question, of those that are asked again */
    PAUSE_MS = 20  /* between two of them */
};

void stele_log_free(stele_log *log)
{
    if (log != NULL) log->ops->free(log);
}

stele_runtime stele_log_runtime(const stele_log *log)
{
    return log->runtime;
}

bool stele_log_is_up(stele_log *log)
{
    return log->ops->is_up(log);
}

stele_status stele_log_last_problem(stele_log *log, stele_error *err)
{
    return log->ops->last_problem == NULL ? STELE_OK : log->ops->last_problem(log, err);
}

stele_status stele_log_fail_members(stele_error *err, const char *group)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "group %s has members: stop them before it is removed", group);
}

stele_status stele_log_fail_no_group(stele_error *err, const char *group)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "there is no group %s", group);
}

stele_status stele_log_fail_pending(stele_error *err, const char *group, stele_partition partition)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_RETRY,
                      "offset of group %s in %s/%d: an open transaction is about to move it", group,
                      partition.topic, (int)partition.index);
}

stele_status stele_log_fail_assignors(stele_error *err, const char *group)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_RETRY,
                      "group %s: the broker does not let this member in, because the others divide "
                      "partitions by another assignor; worker.assignment must be the same in all "
                      "workers of a group, and no other program may be a member of it",
                      group);
}

stele_status stele_log_fail_not_owner(stele_error *err, stele_partition partition)
{
    return stele_fail(err, STELE_E_NOT_OWNER, STELE_NEXT_RETRY,
                      "%s/%d: this member does not own it, and commits no offset of it",
                      partition.topic, (int)partition.index);
}

/* ---- reader ---- */

stele_status stele_log_reader_open(stele_log *log, const stele_log_reader_options *options,
                                   stele_log_reader **out, stele_error *err)
{
    static const stele_log_reader_options defaults = {0};
    return log->ops->reader->open(log, options == NULL ? &defaults : options, out, err);
}

void stele_log_reader_close(stele_log_reader *reader)
{
    if (reader != NULL) reader->ops->close(reader);
}

stele_status stele_log_reader_start(stele_log_reader *reader, stele_partition partition,
                                    int64_t offset, stele_error *err)
{
    return reader->ops->start(reader, partition, offset, err);
}

void stele_log_reader_stop(stele_log_reader *reader, stele_partition partition)
{
    reader->ops->stop(reader, partition);
}

void stele_log_reader_hold(stele_log_reader *reader, stele_partition partition, bool held)
{
    reader->ops->hold(reader, partition, held);
}

stele_status stele_log_reader_next(stele_log_reader *reader, int timeout_ms, stele_batch *out,
                                   stele_error *err)
{
    return reader->ops->next(reader, timeout_ms, out, err);
}

void stele_log_reader_wake(stele_log_reader *reader)
{
    reader->ops->wake(reader);
}

/* What a batch's self points to begins with the operations, as every object does. */
static const stele_reader_ops *ops_of(const stele_batch *batch)
{
    return *(const stele_reader_ops *const *)batch->self;
}

void stele_log_batch_release(stele_batch *batch)
{
    if (batch->self != NULL) ops_of(batch)->batch_release(batch);
    *batch = (stele_batch){0};
}

size_t stele_log_batch_headers(const stele_batch *batch, const stele_record *record,
                               stele_header *out, size_t max)
{
    return ops_of(batch)->batch_headers(batch, record, out, max);
}

static bool find_last(const stele_header *headers, size_t count, const char *name, stele_bytes *out)
{
    while (count > 0) {
        const stele_header *header = &headers[--count];
        if (strcmp(header->name, name) != 0) continue;
        *out = header->value;
        return true;
    }
    return false;
}

bool stele_log_batch_header(const stele_batch *batch, const stele_record *record, const char *name,
                            stele_bytes *out)
{
    stele_header few[32];
    size_t few_max = sizeof few / sizeof *few;
    size_t count = stele_log_batch_headers(batch, record, few, few_max);
    if (count <= few_max) return find_last(few, count, name, out);

    stele_header *many = stele_alloc_array(count, sizeof *many);
    stele_log_batch_headers(batch, record, many, count);
    bool found = find_last(many, count, name, out);
    free(many);
    return found;
}

/* ---- member ---- */

stele_status stele_log_member_open(stele_log *log, const stele_log_member_options *options,
                                   stele_log_member **out, stele_error *err)
{
    return log->ops->member->open(log, options, out, err);
}

stele_status stele_log_member_poll(stele_log_member *member, int timeout_ms, stele_error *err)
{
    return member->ops->poll(member, timeout_ms, err);
}

void stele_log_member_wakes(stele_log_member *member, stele_log_reader *reader)
{
    member->ops->wakes(member, reader);
}

stele_status stele_log_member_problem(stele_log_member *member, stele_error *err)
{
    return member->ops->problem(member, err);
}

stele_log_group *stele_log_member_group(stele_log_member *member)
{
    return member->ops->group(member);
}

stele_status stele_log_member_commit(stele_log_member *member, stele_partition partition,
                                     int64_t offset, stele_error *err)
{
    return member->ops->commit(member, partition, offset, err);
}

stele_status stele_log_group_describe(stele_log *log, const char *group, int timeout_ms,
                                      void (*each)(void *context,
                                                   const stele_log_group_member *member),
                                      void *context, stele_error *err)
{
    return log->ops->group->describe(log, group, timeout_ms, each, context, err);
}

void stele_log_group_free(stele_log_group *group)
{
    if (group != NULL) group->ops->group_free(group);
}

void stele_log_member_close(stele_log_member *member, int timeout_ms)
{
    if (member != NULL) member->ops->close(member, timeout_ms);
}

stele_status stele_log_group_offset_set(stele_log *log, const char *group,
                                        stele_partition partition, int64_t offset, int timeout_ms,
                                        stele_error *err)
{
    return log->ops->group->offset_set(log, group, partition, offset, timeout_ms, err);
}

stele_status stele_log_group_remove(stele_log *log, const char *group, int timeout_ms,
                                    stele_error *err)
{
    return log->ops->group->remove(log, group, timeout_ms, err);
}

/* ---- producer ---- */

stele_status stele_log_producer_open(stele_log *log, const stele_log_producer_options *options,
                                     stele_log_producer **out, stele_error *err)
{
    return log->ops->producer->open(log, options, out, err);
}

void stele_log_producer_close(stele_log_producer *producer)
{
    if (producer != NULL) producer->ops->close(producer);
}

void stele_log_producer_abandon(stele_log_producer *producer)
{
    if (producer != NULL) producer->ops->abandon(producer);
}

stele_status stele_log_producer_put(stele_log_producer *producer, const stele_log_entry *entry,
                                    stele_error *err)
{
    return producer->ops->put(producer, entry, err);
}

stele_status stele_log_producer_poll(stele_log_producer *producer, int timeout_ms, stele_error *err)
{
    return producer->ops->poll(producer, timeout_ms, err);
}

stele_status stele_log_producer_flush(stele_log_producer *producer, int timeout_ms,
                                      stele_error *err)
{
    return producer->ops->flush(producer, timeout_ms, err);
}

stele_status stele_log_producer_init(stele_log_producer *producer, const char *topic,
                                     int timeout_ms, stele_error *err)
{
    return producer->transaction->init(producer, topic, timeout_ms, err);
}

stele_status stele_log_producer_begin(stele_log_producer *producer, stele_error *err)
{
    return producer->transaction->begin(producer, err);
}

stele_status stele_log_producer_send_offset(stele_log_producer *producer,
                                            const stele_log_group *group, stele_partition partition,
                                            int64_t offset, int timeout_ms, stele_error *err)
{
    return producer->transaction->send_offset(producer, group, partition, offset, timeout_ms, err);
}

stele_status stele_log_producer_commit(stele_log_producer *producer, int timeout_ms,
                                       stele_error *err)
{
    return producer->transaction->commit(producer, timeout_ms, err);
}

stele_status stele_log_producer_abort(stele_log_producer *producer, int timeout_ms,
                                      stele_error *err)
{
    return producer->transaction->abort(producer, timeout_ms, err);
}

/* ---- topics ---- */

stele_status stele_log_topic_create(stele_log *log, const stele_log_topic_options *options,
                                    int timeout_ms, stele_error *err)
{
    return log->ops->topic->create(log, options, timeout_ms, err);
}

stele_status stele_log_topic_delete(stele_log *log, const char *name, int timeout_ms,
                                    stele_error *err)
{
    return log->ops->topic->remove(log, name, timeout_ms, err);
}

stele_status stele_log_topic_setting(stele_log *log, const char *name, const char *setting,
                                     int timeout_ms, char **out, stele_error *err)
{
    return log->ops->topic->setting(log, name, setting, timeout_ms, out, err);
}

/* A setting that is a number; `out` stays where the topic has none, or may not be asked.
 * @return a failure that may pass */
static stele_status ask_number(stele_log *log, const char *name, const char *setting,
                               int timeout_ms, int64_t *out, stele_error *err)
{
    STELE_AUTO(char) text = NULL;
    stele_error failure;
    stele_status status = stele_log_topic_setting(log, name, setting, timeout_ms, &text, &failure);
    if (status == STELE_OK) stele_parse_int64(stele_text(text), INT64_MIN, INT64_MAX, out, NULL);
    if (status == STELE_OK || failure.next != STELE_NEXT_RETRY) return STELE_OK;
    if (err != NULL) *err = failure;
    return status;
}

stele_status stele_log_topic_batch_max(stele_log *log, const char *name, int timeout_ms,
                                       size_t *out, stele_error *err)
{
    int64_t limit = 0;
    stele_status status = ask_number(log, name, "max.message.bytes", timeout_ms, &limit, err);
    if (status == STELE_OK) *out = limit > 0 ? (size_t)limit : 0;
    return status;
}

stele_status stele_log_topic_times(stele_log *log, const char *name, int timeout_ms,
                                   stele_log_times *out, stele_error *err)
{
    STELE_AUTO(char) type = NULL;
    stele_log_times found = {INT64_MAX, INT64_MAX};
    stele_status status;
    if ((status = ask_number(log, name, "message.timestamp.before.max.ms", timeout_ms,
                             &found.past_max_ms, err)) < 0)
        return status;
    if ((status = ask_number(log, name, "message.timestamp.after.max.ms", timeout_ms,
                             &found.future_max_ms, err)) < 0)
        return status;
    bool is_known = stele_log_topic_setting(log, name, "message.timestamp.type", timeout_ms, &type,
                                            NULL) == STELE_OK;
    /* The broker puts its own time into each record, and looks at none. */
    if (is_known && strcmp(type, "LogAppendTime") == 0)
        found = (stele_log_times){INT64_MAX, INT64_MAX};
    *out = found;
    return STELE_OK;
}

stele_status stele_log_topics(stele_log *log, const char *prefix, int timeout_ms, char ***out,
                              stele_error *err)
{
    return log->ops->topic->list(log, prefix, timeout_ms, out, err);
}

stele_status stele_log_bounds_by(stele_log *log, stele_partition partition,
                                 stele_isolation isolation, stele_deadline until, int64_t *start,
                                 int64_t *end, stele_error *err)
{
    stele_error own;
    if (err == NULL) err = &own;
    for (;;) {
        int left_ms = stele_deadline_remaining_ms(until, ASK_MS);
        stele_status status = stele_log_bounds(log, partition, isolation, left_ms, start, end, err);
        if (status == STELE_OK || status == STELE_E_NOT_FOUND || err->next != STELE_NEXT_RETRY ||
            stele_deadline_passed(until))
            return status;
        stele_sleep_ms(stele_log_runtime(log), PAUSE_MS);
    }
}

stele_status stele_log_offset_at(stele_log *log, stele_partition partition, int64_t time_ms,
                                 int timeout_ms, int64_t *out, stele_error *err)
{
    return log->ops->topic->offset_at(log, partition, time_ms, timeout_ms, out, err);
}
