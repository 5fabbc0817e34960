/* SPDX-License-Identifier: MIT
 * Topics in memory: made, described, cleaned, raised and deleted. */
#include "kafka/memory_broker.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "kafka/memory_ops.h"

enum { NAME_SIZE_MAX = 249 };

static stele_status fail_no_topic(stele_error *err, const char *name)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, "there is no topic %s", name);
}

static stele_status fail_no_partition(stele_error *err, stele_partition partition)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "there is no partition %s/%d",
                      partition.topic, (int)partition.index);
}

/* ---- making ---- */

static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    size_t size = strlen(name);
    return size > 0 && size <= NAME_SIZE_MAX && strspn(name, allowed) == size &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static stele_status check_options(const stele_log_topic_options *options, stele_error *err)
{
    static const memory_topic no_topic = {0};
    if (!is_name(options->name))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s cannot be a topic: a name has up to %d of a-z A-Z 0-9 . _ -",
                          stele_quote(stele_text(options->name)).text, NAME_SIZE_MAX);
    if (options->partitions < 1 || options->replication < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "topic %s: %d partitions and %d replicas cannot be", options->name,
                          (int)options->partitions, (int)options->replication);
    for (size_t i = 0; i < options->setting_count; i++)
        if (stele_memory_setting(&no_topic, options->settings[i].name) == NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "topic %s: Kafka knows no setting \"%s\"", options->name,
                              options->settings[i].name);
    return STELE_OK;
}

static memory_topic *make_topic(const stele_log_topic_options *options)
{
    memory_topic *topic = stele_alloc(sizeof *topic);
    topic->name = stele_strdup(options->name);
    topic->replication = options->replication == 0 ? 1 : options->replication;
    topic->partition_count = options->partitions;
    topic->partitions = stele_alloc_array((size_t)options->partitions, sizeof *topic->partitions);
    topic->settings = stele_alloc_array(options->setting_count, sizeof *topic->settings);
    topic->setting_count = options->setting_count;
    for (size_t i = 0; i < options->setting_count; i++) {
        const stele_header *setting = &options->settings[i];
        const char *value = (const char *)setting->value.data;
        topic->settings[i] = (memory_setting){
            .name = stele_strdup(setting->name),
            .value = stele_strndup(value, setting->value.size),
        };
    }
    return topic;
}

static stele_status topic_create(stele_log *base, const stele_log_topic_options *options,
                                 int timeout_ms, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_room(log, stele_memory_deadline(log, timeout_ms), err);
    if (status == STELE_OK) status = check_options(options, err);
    if (status == STELE_OK && stele_memory_find_topic(log, options->name) != NULL)
        status = stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP, "topic %s is there already",
                            options->name);
    if (status == STELE_OK) {
        memory_topic *topic = make_topic(options);
        topic->next = log->topics;
        log->topics = topic;
        stele_memory_rebalance_readers(log, topic->name);
        stele_memory_changed(log);
    }
    stele_memory_exit(log);
    return status;
}

/* ---- questions ---- */

static stele_status topic_describe(stele_log *base, const char *name, int timeout_ms,
                                   stele_log_topic *out, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    const memory_topic *topic = stele_memory_find_topic(log, name);
    if (status == STELE_OK && topic == NULL) status = fail_no_topic(err, name);
    if (status == STELE_OK)
        *out = (stele_log_topic){.partitions = topic->partition_count,
                                 .replication = topic->replication};
    stele_memory_exit(log);
    return status;
}

static stele_status topic_setting(stele_log *base, const char *name, const char *setting,
                                  int timeout_ms, char **out, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    const memory_topic *topic = stele_memory_find_topic(log, name);
    if (status == STELE_OK && topic == NULL) status = fail_no_topic(err, name);
    if (status == STELE_OK) {
        const char *value = stele_memory_setting(topic, setting);
        if (value != NULL)
            *out = stele_strdup(value);
        else
            status = stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                                "topic %s has no setting \"%s\"", name, setting);
    }
    stele_memory_exit(log);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: the pointers, then the texts that they point to. */
static char **copy_names(const memory_log *log, const char *prefix)
{
    size_t prefix_size = strlen(prefix);
    size_t count = 0;
    size_t text_size = 0;
    for (const memory_topic *it = log->topics; it != NULL; it = it->next) {
        if (strncmp(it->name, prefix, prefix_size) != 0) continue;
        count++;
        text_size += strlen(it->name) + 1;
    }

    char **names = stele_alloc((count + 1) * sizeof *names + text_size);
    char *text = (char *)(names + count + 1);
    size_t filled = 0;
    for (const memory_topic *it = log->topics; it != NULL; it = it->next) {
        if (strncmp(it->name, prefix, prefix_size) != 0) continue;
        size_t size = strlen(it->name) + 1;
        names[filled++] = memcpy(text, it->name, size);
        text += size;
    }
    qsort(names, count, sizeof *names, by_name);
    return names;
}

static stele_status topics(stele_log *base, const char *prefix, int timeout_ms, char ***out,
                           stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    if (status == STELE_OK) *out = copy_names(log, prefix == NULL ? "" : prefix);
    stele_memory_exit(log);
    return status;
}

static stele_status bounds(stele_log *base, stele_isolation isolation,
                           stele_asked_partition *partitions, size_t count, bool with_start,
                           int timeout_ms, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    for (size_t i = 0; status == STELE_OK && i < count; i++) {
        stele_asked_partition *asked = &partitions[i];
        asked->error = (stele_error){0};
        const memory_partition *found = stele_memory_find_partition(log, asked->partition);
        if (found == NULL) {
            fail_no_partition(&asked->error, asked->partition);
            continue;
        }
        if (with_start) asked->start = found->start;
        asked->offset = stele_memory_end(found, isolation);
    }
    stele_memory_exit(log);
    return status;
}

/* As Kafka, a marker counts: whoever reads from it sees the record that follows. */
static int64_t find_time(const memory_partition *partition, int64_t time_ms)
{
    for (size_t i = 0; i < partition->count; i++)
        if (partition->records[i].timestamp_ms >= time_ms) return partition->records[i].offset;
    return STELE_OFFSET_NONE;
}

static stele_status offset_at(stele_log *base, stele_partition partition, int64_t time_ms,
                              int timeout_ms, int64_t *out, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    const memory_partition *found = stele_memory_find_partition(log, partition);
    if (status == STELE_OK && found == NULL) status = fail_no_partition(err, partition);
    if (status == STELE_OK) *out = find_time(found, time_ms);
    stele_memory_exit(log);
    return status;
}

/* ---- what an administrator does, and the cleaner ---- */

stele_status stele_log_memory_compact(stele_log *base, const char *name, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    int64_t retention_ms;
    stele_memory_enter(log);
    const memory_topic *topic = stele_memory_find_topic(log, name);
    stele_status status =
        topic == NULL
            ? fail_no_topic(err, name)
            : stele_parse_int64(stele_text(stele_memory_setting(topic, "delete.retention.ms")), 0,
                                INT64_MAX, &retention_ms, err);
    for (int32_t i = 0; status == STELE_OK && i < topic->partition_count; i++)
        stele_memory_compact_partition(&topic->partitions[i], stele_memory_now_ms(log),
                                       retention_ms);
    stele_memory_exit(log);
    return status;
}

stele_status stele_log_memory_delete_records(stele_log *base, stele_partition partition,
                                             int64_t before, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_status status = STELE_OK;
    stele_memory_enter(log);
    memory_partition *found = stele_memory_find_partition(log, partition);
    if (found == NULL) {
        status = fail_no_partition(err, partition);
    } else if (before < found->start || before > found->end) {
        status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                            "%s/%d holds offsets %lld to %lld, not %lld", partition.topic,
                            (int)partition.index, (long long)found->start, (long long)found->end,
                            (long long)before);
    } else {
        stele_memory_delete_before(found, before);
        stele_memory_changed(log);
    }
    stele_memory_exit(log);
    return status;
}

static stele_status topic_delete(stele_log *base, const char *name, int timeout_ms,
                                 stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_memory_enter(log);
    stele_status status = stele_memory_await_up(log, stele_memory_deadline(log, timeout_ms), err);
    if (status < 0) {
        stele_memory_exit(log);
        return status;
    }
    memory_topic **at = &log->topics;
    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    if (*at == NULL) {
        status = fail_no_topic(err, name);
    } else {
        memory_topic *topic = *at;
        *at = topic->next;
        stele_memory_rebalance_readers(log, topic->name);
        stele_memory_forget_offsets(log, topic->name);
        stele_memory_topic_free(topic);
        stele_memory_changed(log);
    }
    stele_memory_exit(log);
    return status;
}

stele_status stele_log_memory_partitions_raise(stele_log *base, const char *name,
                                               int32_t partitions, stele_error *err)
{
    memory_log *log = (memory_log *)base;
    stele_status status = STELE_OK;
    stele_memory_enter(log);
    memory_topic *topic = stele_memory_find_topic(log, name);
    if (topic == NULL) {
        status = fail_no_topic(err, name);
    } else if (partitions <= topic->partition_count) {
        status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                            "topic %s has %d partitions already; the count can only be raised",
                            name, (int)topic->partition_count);
    } else {
        memory_partition *more = stele_alloc_array((size_t)partitions, sizeof *more);
        memcpy(more, topic->partitions, (size_t)topic->partition_count * sizeof *more);
        free(topic->partitions);
        topic->partitions = more;
        topic->partition_count = partitions;
        stele_memory_rebalance_readers(log, topic->name);
        stele_memory_changed(log);
    }
    stele_memory_exit(log);
    return status;
}

const stele_topic_ops stele_memory_topic_ops = {
    .create = topic_create,
    .remove = topic_delete,
    .describe = topic_describe,
    .setting = topic_setting,
    .list = topics,
    .bounds = bounds,
    .offset_at = offset_at,
};
