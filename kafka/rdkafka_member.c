/* SPDX-License-Identifier: MIT
 * Membership in a consumer group, without reading: partitions are assigned paused, so that nothing
 * is ever fetched; a reader of its own reads them. */
#include "kafka/rdkafka_log.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/deadline.h"

enum {
    SESSION_MS = 6000,
    HEARTBEATS_PER_SESSION = 12,    /* so soon a member hears that another one has come or gone */
    FIRST_CLOSE_MENDED = 0x02030000 /* librdkafka 2.3.0, its issue 4381 */
};

struct group {
    stele_log_group base;
    rd_kafka_consumer_group_metadata_t *metadata;
};

typedef struct member {
    stele_log_member base;
    rdkafka_client client;
    stele_log_member_events events;
    rd_kafka_topic_partition_list_t *owned;
    rd_kafka_topic_t **topics; /* known early, so that their partitions can be paused */
    size_t topic_count;
    bool cooperative;
    bool assigned_once; /* librdkafka has been through a first assignment, empty or not */
    bool closing;       /* the owner gets no more assignments */
    bool leaving;       /* librdkafka is closing */
    stele_deadline leave_by;
    char *group;
    stele_error problem; /* why the broker does not let it in; status OK if that is not known */
} member;

/* ---- rebalances ---- */

static void tell(const rd_kafka_topic_partition_list_t *list,
                 void (*say)(void *, const stele_partition *, size_t, bool), void *context,
                 bool lost)
{
    size_t count = (size_t)list->cnt;
    if (count == 0) return;
    stele_partition *partitions = stele_alloc_array(count, sizeof *partitions);
    for (size_t i = 0; i < count; i++)
        partitions[i] = (stele_partition){list->elems[i].topic, list->elems[i].partition};
    say(context, partitions, count, lost);
    free(partitions);
}

static void say_assigned(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    (void)lost;
    member *self = context;
    if (self->events.assigned != NULL)
        self->events.assigned(self->events.context, partitions, count);
}

static void say_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    member *self = context;
    if (self->events.revoked != NULL)
        self->events.revoked(self->events.context, partitions, count, lost);
}

/* Paused before and after: before, so that no fetch is ever sent; after, for a partition that
 * librdkafka had not heard of before. The offset is absolute, so that no committed one is asked for
 * and none is reset. */
static void take_paused(member *self, rd_kafka_topic_partition_list_t *added)
{
    rd_kafka_t *rk = self->client.rk;
    for (int i = 0; i < added->cnt; i++)
        added->elems[i].offset = 0;
    rd_kafka_pause_partitions(rk, added);
    for (int i = 0; i < added->cnt; i++)
        added->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (self->cooperative)
        rd_kafka_error_destroy(rd_kafka_incremental_assign(rk, added));
    else
        rd_kafka_assign(rk, added);
    rd_kafka_pause_partitions(rk, added);
}

static void give_up(const member *self, const rd_kafka_topic_partition_list_t *removed)
{
    if (self->cooperative)
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(self->client.rk, removed));
    else
        rd_kafka_assign(self->client.rk, NULL);
}

/* Only what was told as assigned is told as revoked, and that once. */
static void tell_revoked(member *self, const rd_kafka_topic_partition_list_t *removed, bool lost)
{
    rd_kafka_topic_partition_list_t *told = rd_kafka_topic_partition_list_new(removed->cnt);
    for (int i = 0; i < removed->cnt; i++) {
        const rd_kafka_topic_partition_t *each = &removed->elems[i];
        if (rd_kafka_topic_partition_list_del(self->owned, each->topic, each->partition))
            rd_kafka_topic_partition_list_add(told, each->topic, each->partition);
    }
    tell(told, say_revoked, self, lost);
    rd_kafka_topic_partition_list_destroy(told);
}

/* @locality the owner's thread, within poll; then that of the close, which tells nothing */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    member *self = ((rdkafka_client *)opaque)->owner;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self->leaving) {
        self->assigned_once = true;
        self->problem.status = STELE_OK;
        take_paused(self, partitions);
        if (self->closing) return;
        for (int i = 0; i < partitions->cnt; i++)
            rd_kafka_topic_partition_list_add(self->owned, partitions->elems[i].topic,
                                              partitions->elems[i].partition);
        tell(partitions, say_assigned, self, false);
        return;
    }
    /* Revoked; or assigned while librdkafka closes: then nothing is started. */
    if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        tell_revoked(self, partitions, rd_kafka_assignment_lost(rk));
    give_up(self, partitions);
}

/* ---- opening ---- */

static void set_session(rdkafka_settings *settings, int asked_ms)
{
    if (asked_ms != 0 || !stele_rdkafka_is_set(settings->log, "session.timeout.ms"))
        stele_rdkafka_set_number(settings, "session.timeout.ms",
                                 asked_ms == 0 ? SESSION_MS : asked_ms);
    int64_t session_ms = stele_rdkafka_get_number(settings, "session.timeout.ms", SESSION_MS);
    stele_rdkafka_fit_poll_interval(settings);
    if (stele_rdkafka_is_set(settings->log, "heartbeat.interval.ms")) return;
    int64_t beat_ms = session_ms / HEARTBEATS_PER_SESSION;
    stele_rdkafka_set_number(settings, "heartbeat.interval.ms", beat_ms < 1 ? 1 : beat_ms);
}

static rdkafka_settings make_settings(const rdkafka_log *log,
                                      const stele_log_member_options *options)
{
    rdkafka_settings settings = stele_rdkafka_settings_begin(log);
    set_session(&settings, options->session_timeout_ms);
    stele_rdkafka_set(&settings, "group.id", options->group);
    stele_rdkafka_set(&settings, "partition.assignment.strategy",
                      options->eager ? "range" : "cooperative-sticky");
    stele_rdkafka_set(&settings, "enable.auto.commit", "false");
    stele_rdkafka_set(&settings, "enable.auto.offset.store", "false");
    stele_rdkafka_set(&settings, "auto.offset.reset", "error");
    if (options->client != NULL) stele_rdkafka_set(&settings, "client.id", options->client);
    rd_kafka_conf_set_rebalance_cb(settings.conf, on_rebalance);
    return settings;
}

static stele_status subscribe(member *self, const char *const *topics, stele_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (size_t i = 0; topics[i] != NULL; i++) {
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
        rd_kafka_topic_t *topic = rd_kafka_topic_new(self->client.rk, topics[i], NULL);
        if (topic == NULL) continue; /* subscribe says why */
        self->topics = stele_realloc_array(self->topics, self->topic_count + 1, sizeof(void *));
        self->topics[self->topic_count++] = topic;
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(self->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail(err, (rdkafka_verdict){.code = code}, "subscription");
}

static void release(void *of)
{
    member *self = of;
    for (size_t i = 0; i < self->topic_count; i++)
        rd_kafka_topic_destroy(self->topics[i]);
    stele_rdkafka_client_close(&self->client);
    rd_kafka_topic_partition_list_destroy(self->owned);
    free(self->topics);
    free(self->group);
    free(self);
}

static stele_status member_open(stele_log *base, const stele_log_member_options *options,
                                stele_log_member **out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    member *self = stele_alloc(sizeof *self);
    self->base.ops = base->ops->member;
    self->events = options->events;
    self->cooperative = !options->eager;
    self->group = stele_strdup(options->group);
    self->owned = rd_kafka_topic_partition_list_new(0);

    rdkafka_settings settings = make_settings(log, options);
    stele_status status =
        stele_rdkafka_client_open(log, RD_KAFKA_CONSUMER, &settings, self, &self->client, err);
    if (status == STELE_OK) {
        rd_kafka_poll_set_consumer(self->client.rk);
        status = subscribe(self, options->topics, err);
    }
    if (status < 0) {
        release(self);
        return status;
    }
    *out = &self->base;
    return STELE_OK;
}

/* ---- its life ---- */

static void fail_session(member *self)
{
    stele_fail_cause(&self->problem, STELE_E_INVALID, STELE_NEXT_RETRY,
                     RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
                     "group %s: the broker does not let this member in: its session.timeout.ms is "
                     "outside of the broker's group.min.session.timeout.ms to "
                     "group.max.session.timeout.ms; set [kafka] session.timeout.ms",
                     self->group);
}

/* What may pass by itself is the log's last problem, not the member's. */
static void note_problem(member *self, rd_kafka_resp_err_t code, const char *text)
{
    char what[200];
    stele_status status = stele_rdkafka_status(code);
    if (status == STELE_E_UNAVAILABLE || status == STELE_E_TIMED_OUT ||
        status == STELE_E_NOT_OWNER || code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        return;
    snprintf(what, sizeof what, "group %s", self->group);
    if (code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL)
        stele_log_fail_assignors(&self->problem, self->group);
    else if (code == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT)
        fail_session(self);
    else
        stele_rdkafka_fail(&self->problem,
                           (rdkafka_verdict){.code = code, .retriable = true, .text = text}, what);
}

static stele_status member_problem(stele_log_member *base, stele_error *err)
{
    const member *self = (member *)base;
    if (self->problem.status < 0 && err != NULL) *err = self->problem;
    return self->problem.status;
}

static stele_status member_poll(stele_log_member *base, int timeout_ms, stele_error *err)
{
    member *self = (member *)base;
    /* Records never come. An error here is one that librdkafka goes on with by itself, trying to
     * join again and again, or a fatal one, which is asked for below. All is taken: only what comes
     * into an empty queue wakes. */
    rd_kafka_message_t *message = rd_kafka_consumer_poll(self->client.rk, timeout_ms);
    while (message != NULL) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            note_problem(self, message->err, rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        message = rd_kafka_consumer_poll(self->client.rk, 0);
    }

    char text[200];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(self->client.rk, text, sizeof text);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail(err, (rdkafka_verdict){.code = code, .fatal = true, .text = text},
                              "group member");
}

/* @locality a thread of librdkafka, with the queue locked: once another reader is named, this one
 * is not touched any more */
static void wake_reader(rd_kafka_t *rk, void *reader)
{
    (void)rk;
    stele_log_reader_wake(reader);
}

static void member_wakes(stele_log_member *base, stele_log_reader *reader)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(((member *)base)->client.rk);
    rd_kafka_queue_cb_event_enable(queue, reader == NULL ? NULL : wake_reader, reader);
    rd_kafka_queue_destroy(queue);
}

static stele_status member_commit(stele_log_member *base, stele_partition partition, int64_t offset,
                                  stele_error *err)
{
    member *self = (member *)base;
    if (rd_kafka_topic_partition_list_find(self->owned, partition.topic, partition.index) == NULL)
        return stele_log_fail_not_owner(err, partition);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.index)->offset = offset;
    rd_kafka_resp_err_t code = rd_kafka_commit(self->client.rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail(err, (rdkafka_verdict){.code = code, .retriable = true},
                              "commit of an offset");
}

/* Once a heartbeat was refused librdkafka forgets who it was, before it tells us. Metadata taken
 * then has no member and no generation, which a broker accepts for a group that no one is in: the
 * offset of an owner that has lost everything. So it must have been a member before and after.
 * @return its id, to be freed; NULL: it is none */
static char *member_id(rd_kafka_t *rk)
{
    char *id = rd_kafka_memberid(rk);
    if (id == NULL || id[0] != '\0') return id;
    rd_kafka_mem_free(rk, id);
    return NULL;
}

static stele_log_group *member_group(stele_log_member *base)
{
    rd_kafka_t *rk = ((member *)base)->client.rk;
    char *before = member_id(rk);
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(rk);
    char *after = member_id(rk);
    bool same = before != NULL && after != NULL && strcmp(before, after) == 0;
    if (before != NULL) rd_kafka_mem_free(rk, before);
    if (after != NULL) rd_kafka_mem_free(rk, after);
    if (!same || metadata == NULL) {
        if (metadata != NULL) rd_kafka_consumer_group_metadata_destroy(metadata);
        return NULL;
    }
    struct group *captured = stele_alloc(sizeof *captured);
    captured->base.ops = base->ops;
    captured->metadata = metadata;
    return &captured->base;
}

static void group_free(stele_log_group *base)
{
    struct group *captured = (struct group *)base;
    rd_kafka_consumer_group_metadata_destroy(captured->metadata);
    free(captured);
}

const rd_kafka_consumer_group_metadata_t *stele_rdkafka_group_metadata(const stele_log_group *base)
{
    return ((const struct group *)base)->metadata;
}

/* Before 2.3, closing a cooperative consumer between its joining and its first assignment ends the
 * process by an assertion. So the assignment is waited for. @return false if it must not be closed
 */
static bool is_safe_to_close(member *self, stele_deadline deadline)
{
    if (!self->cooperative || rd_kafka_version() >= FIRST_CLOSE_MENDED) return true;
    while (!self->assigned_once && atomic_load(&self->client.join_is_answered)) {
        if (stele_deadline_passed(deadline)) return false;
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(self->client.rk, stele_deadline_remaining_ms(deadline, 100));
        if (message != NULL) rd_kafka_message_destroy(message);
    }
    return true;
}

/* rd_kafka_consumer_close has no deadline, so its steps are taken here. */
static void leave(member *self, stele_deadline deadline)
{
    self->leaving = true;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->client.rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(self->client.rk, queue);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
    } else {
        while (!rd_kafka_consumer_closed(self->client.rk) && !stele_deadline_passed(deadline))
            rd_kafka_queue_poll_callback(queue, stele_deadline_remaining_ms(deadline, 100));
    }
    rd_kafka_queue_destroy(queue);
}

/* @locality a thread of its own. While librdkafka closes, it may leave what a rebalance asks of it
 * without an answer (its issue 4041): nobody waits here without an end. */
static void leave_and_release(void *of)
{
    member *self = of;
    if (is_safe_to_close(self, self->leave_by)) {
        leave(self, self->leave_by);
        release(self);
    } else {
        rd_kafka_unsubscribe(self->client.rk); /* left behind: it takes part in nothing any more */
    }
}

static void member_close(stele_log_member *base, int timeout_ms)
{
    member *self = (member *)base;
    self->closing = true;
    self->leave_by = stele_deadline_after(stele_clock_system(), timeout_ms);
    member_wakes(base, NULL);
    bool lost = rd_kafka_assignment_lost(self->client.rk) ||
                rd_kafka_fatal_error(self->client.rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_t *rest = rd_kafka_topic_partition_list_copy(self->owned);
    tell_revoked(self, rest, lost);
    rd_kafka_topic_partition_list_destroy(rest);
    stele_rdkafka_release(leave_and_release, self, timeout_ms);
}

const stele_member_ops stele_rdkafka_member_ops = {
    .open = member_open,
    .close = member_close,
    .poll = member_poll,
    .wakes = member_wakes,
    .problem = member_problem,
    .commit = member_commit,
    .group = member_group,
    .group_free = group_free,
};
