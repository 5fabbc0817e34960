/* SPDX-License-Identifier: MIT
 * Producers of the log in memory: what they queue, what of it gets into the log, and what the owner
 * hears of it. Transactions are in memory_transaction.c. */
#include "kafka/memory_producer.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "kafka/memory_ops.h"
#include "kafka/partitioner.h"

enum {
    QUEUE_DEFAULT = 64 << 20,
    RECORD_COST = 128, /* of a queued record beside its bytes, as in the other implementation */
    DELIVERY_MS = 30000,
    TRANSACTION_MS = 10000,
    LATE_MS = 100 /* of a record that is in the log only once its producer has died */
};

/* ---- opening ---- */

static int64_t delivery_ms(const stele_log_producer_options *options, int transaction_ms)
{
    int64_t asked = options->delivery_timeout_ms == 0 ? DELIVERY_MS : options->delivery_timeout_ms;
    bool is_less = options->transactional_id != NULL && transaction_ms < asked;
    return is_less ? transaction_ms : asked;
}

static stele_status producer_open(stele_log *base, const stele_log_producer_options *options,
                                  stele_log_producer **out, stele_error *err)
{
    (void)err;
    memory_log *log = (memory_log *)base;
    memory_producer *self = stele_alloc(sizeof *self);
    self->base.ops = base->ops->producer;
    self->base.transaction = base->ops->transaction;
    self->log = log;
    self->delivered = options->delivered;
    self->context = options->context;
    self->transaction_timeout_ms =
        options->transaction_timeout_ms == 0 ? TRANSACTION_MS : options->transaction_timeout_ms;
    self->delivery_timeout_ms = delivery_ms(options, self->transaction_timeout_ms);
    self->gapless = options->gapless;
    self->queue_max = options->queue_max == 0 ? QUEUE_DEFAULT : options->queue_max;
    self->entries_end = &self->entries;
    self->owner = stele_memory_owner(log);

    stele_memory_enter(log);
    if (options->transactional_id != NULL)
        self->transactional = stele_memory_transactional(log, options->transactional_id);
    self->next = log->producers;
    log->producers = self;
    stele_memory_exit(log);
    *out = &self->base;
    return STELE_OK;
}

/* ---- its life ---- */

static void end_entry(memory_entry *entry, const stele_error *failure)
{
    entry->state = MEMORY_ENDED;
    if (failure != NULL) entry->failure = *failure;
    if (failure != NULL) entry->offset = STELE_OFFSET_NONE;
}

static void end_all(memory_producer *self, const stele_error *failure)
{
    for (memory_entry *it = self->entries; it != NULL; it = it->next)
        if (it->state == MEMORY_QUEUED) end_entry(it, failure);
}

stele_status stele_memory_kill_producer(memory_producer *self, const stele_error *death,
                                        stele_error *err)
{
    self->death = *death;
    self->death.next = STELE_NEXT_STOP;
    end_all(self, &self->death);
    if (err != NULL) *err = self->death;
    return self->death.status;
}

stele_status stele_memory_check_producer(memory_producer *self, stele_error *err)
{
    if (self->death.status != STELE_OK) {
        if (err != NULL) *err = self->death;
        return self->death.status;
    }
    /* Only what the broker was asked tells that somebody else came. */
    if (!stele_memory_is_reached(self->log, self->owner) || self->epoch == 0 ||
        self->epoch == self->transactional->epoch)
        return STELE_OK;
    stele_error fenced;
    stele_fail(&fenced, STELE_E_FENCED, STELE_NEXT_STOP,
               "%s: another producer has taken over, or the transaction timed out",
               self->transactional->id);
    return stele_memory_kill_producer(self, &fenced, err);
}

void stele_memory_purge(memory_producer *self)
{
    stele_error purged;
    stele_fail(&purged, STELE_E_INTERRUPTED, STELE_NEXT_RETRY,
               "dropped from the queue before it was sent");
    end_all(self, &purged);
}

bool stele_memory_has_queued(const memory_producer *self)
{
    for (const memory_entry *it = self->entries; it != NULL; it = it->next)
        if (it->state == MEMORY_QUEUED) return true;
    return false;
}

/* ---- sending ---- */

/* As Kafka does where the record's time is kept (CreateTime). */
static stele_status check_time(const memory_producer *self, const memory_topic *topic,
                               const memory_entry *entry, stele_error *failure)
{
    int64_t ahead_ms = entry->timestamp_ms - stele_memory_now_ms(self->log);
    const char *future = stele_memory_setting(topic, "message.timestamp.after.max.ms");
    const char *past = stele_memory_setting(topic, "message.timestamp.before.max.ms");
    if (strcmp(stele_memory_setting(topic, "message.timestamp.type"), "CreateTime") != 0 ||
        (ahead_ms <= strtoll(future, NULL, 10) && -ahead_ms <= strtoll(past, NULL, 10)))
        return STELE_OK;
    return stele_fail(failure, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s: a record's time is %lld ms: outside of what the topic takes",
                      topic->name, (long long)entry->timestamp_ms);
}

static stele_status check_topic(const memory_topic *topic, const memory_entry *entry,
                                stele_error *failure)
{
    const memory_payload *payload = entry->payload;
    if (strstr(stele_memory_setting(topic, "cleanup.policy"), "compact") != NULL &&
        payload->key.data == NULL)
        return stele_fail(failure, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s is compacted: a record needs a key", topic->name);
    const char *limit = stele_memory_setting(topic, "max.message.bytes");
    if (payload->size > strtoull(limit, NULL, 10))
        return stele_fail(failure, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "%s: a record of %zu bytes is larger than its max.message.bytes=%s "
                          "allows",
                          topic->name, payload->size, limit);
    return STELE_OK;
}

/* The fault that this append was chosen for; 0: none. */
static stele_log_memory_fault take_fault(memory_log *log)
{
    if (log->refuses_appends) return STELE_LOG_MEMORY_REFUSED;
    if (log->appends_to_fault == 0 || --log->appends_to_fault > 0) return 0;
    return log->fault;
}

static stele_status fail_fault(memory_producer *self, const memory_entry *entry,
                               stele_log_memory_fault fault, stele_error *failure)
{
    stele_partition place = entry->partition;
    if (fault == STELE_LOG_MEMORY_REFUSED)
        return stele_fail(failure, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                          "%s/%d: the append was made to fail", place.topic, (int)place.index);
    stele_fail(failure, STELE_E_INTERNAL, STELE_NEXT_STOP,
               "%s/%d: the producer was made to die of an append", place.topic, (int)place.index);
    return stele_memory_kill_producer(self, failure, NULL);
}

static void write_entry(memory_producer *self, memory_entry *entry, memory_partition *partition)
{
    int64_t transaction = 0;
    if (self->transactional != NULL) {
        transaction = stele_memory_open(self->log, self->transactional);
        stele_memory_partitions_add(&self->transactional->touched, entry->partition);
        self->at_coordinator = true;
    }
    entry->offset =
        stele_memory_append(partition, entry->payload, entry->timestamp_ms, transaction);
    entry->payload = NULL;
    stele_memory_changed(self->log);
}

static stele_status append(memory_producer *self, memory_entry *entry, stele_error *failure)
{
    memory_log *log = self->log;
    memory_partition *partition = stele_memory_find_partition(log, entry->partition);
    if (partition == NULL)
        return stele_fail(failure, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "%s/%d is not there any more", entry->partition.topic,
                          (int)entry->partition.index);
    const memory_topic *topic = stele_memory_find_topic(log, entry->partition.topic);
    stele_status status = check_topic(topic, entry, failure);
    if (status == STELE_OK) status = check_time(self, topic, entry, failure);
    if (status < 0) return status;

    stele_log_memory_fault fault = take_fault(log);
    if (fault == 0 || fault == STELE_LOG_MEMORY_DIES_AFTER) write_entry(self, entry, partition);
    if (fault == STELE_LOG_MEMORY_DIES_LATE && self->transactional == NULL) {
        stele_memory_append_late(log, entry->partition, entry->payload, entry->timestamp_ms,
                                 LATE_MS);
        entry->payload = NULL;
    }
    return fault == 0 ? STELE_OK : fail_fault(self, entry, fault, failure);
}

/* A transaction that lost a record can only be aborted. */
static void fail_entry(memory_producer *self, memory_entry *entry, const stele_error *failure)
{
    end_entry(entry, failure);
    if (self->gapless && self->death.status == STELE_OK) {
        stele_error death;
        stele_fail_cause(&death, STELE_E_INTERNAL, STELE_NEXT_STOP, failure->cause,
                         "a record failed, and the producer with it: %s", failure->text);
        stele_memory_kill_producer(self, &death, NULL);
    }
    if (!self->in_transaction || self->broken.status != STELE_OK) return;
    self->broken = *failure;
    self->broken.next = STELE_NEXT_ABORT;
}

/* Is there room for it where it goes, and is the transaction before it visible? */
static bool is_taken(const memory_producer *self, const memory_entry *entry)
{
    return !stele_memory_is_full(self->log, entry->partition.topic) &&
           (self->transactional == NULL || !self->transactional->ending);
}

static void send_entry(memory_producer *self, memory_entry *entry, bool is_reached)
{
    stele_error failure;
    if (is_reached && is_taken(self, entry)) {
        stele_status status = append(self, entry, &failure);
        if (status == STELE_OK)
            end_entry(entry, NULL);
        else
            fail_entry(self, entry, &failure);
        return;
    }
    int64_t waited_ns = stele_memory_now_ns(self->log) - entry->put_ns;
    if (waited_ns / 1000000 < self->delivery_timeout_ms) {
        self->waits = true;
        return;
    }
    stele_fail(&failure, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
               "%s/%d: not delivered within %lld ms, the broker is away or its disk is full",
               entry->partition.topic, (int)entry->partition.index,
               (long long)self->delivery_timeout_ms);
    fail_entry(self, entry, &failure);
}

void stele_memory_send_queued(memory_producer *self)
{
    bool is_reached = stele_memory_is_reached(self->log, self->owner);
    if (stele_memory_check_producer(self, NULL) < 0) return;
    self->waits = false;
    for (memory_entry *it = self->entries; it != NULL; it = it->next)
        if (it->state == MEMORY_QUEUED) send_entry(self, it, is_reached);
}

/* ---- put ---- */

static const char *keep_topic(memory_producer *self, const char *name)
{
    for (size_t i = 0; i < self->topic_count; i++)
        if (strcmp(self->topics[i], name) == 0) return self->topics[i];
    self->topics = stele_realloc_array(self->topics, self->topic_count + 1, sizeof(char *));
    self->topics[self->topic_count] = stele_strdup(name);
    return self->topics[self->topic_count++];
}

/* A record without a key goes to each partition in turn: Kafka's goes anywhere. */
static int32_t choose_partition(memory_log *log, const stele_log_entry *entry, int32_t count)
{
    if (entry->partition.index != STELE_PARTITION_BY_KEY) return entry->partition.index;
    if (entry->key.data != NULL) return stele_log_partition_of(entry->key, count);
    return (int32_t)(log->next_keyless++ % (uint32_t)count);
}

static stele_status find_place(memory_producer *self, const stele_log_entry *entry,
                               stele_partition *out, stele_error *err)
{
    const memory_topic *topic = stele_memory_find_topic(self->log, entry->partition.topic);
    if (topic == NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "there is no topic %s",
                          entry->partition.topic);
    int32_t index = choose_partition(self->log, entry, topic->partition_count);
    if (index < 0 || index >= topic->partition_count)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "there is no partition %s/%d",
                          entry->partition.topic, (int)index);
    *out = (stele_partition){keep_topic(self, entry->partition.topic), index};
    return STELE_OK;
}

static stele_status check_transaction(const memory_producer *self, stele_error *err)
{
    if (self->transactional == NULL) return STELE_OK;
    if (!self->in_transaction)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: a record outside a transaction: begin one", self->transactional->id);
    if (self->broken.status != STELE_OK && err != NULL) *err = self->broken;
    return self->broken.status;
}

static stele_status check_size(const memory_producer *self, const stele_log_entry *entry,
                               stele_error *err)
{
    size_t size = entry->key.size + entry->value.size;
    if (size > self->log->message_max_bytes)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "%s: a record of %zu bytes is larger than message.max.bytes=%zu allows",
                          entry->partition.topic, size, self->log->message_max_bytes);
    if (self->entries != NULL && self->queue_size + size + RECORD_COST > self->queue_max)
        return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY,
                          "%s: the producer's queue is full: serve deliveries, then again",
                          entry->partition.topic);
    return STELE_OK;
}

static void add_entry(memory_producer *self, const stele_log_entry *entry,
                      stele_partition partition)
{
    memory_entry *queued = stele_alloc(sizeof *queued);
    queued->partition = partition;
    queued->payload =
        stele_memory_payload_copy(entry->key, entry->value, entry->headers, entry->header_count);
    queued->size = queued->payload->size + RECORD_COST;
    queued->timestamp_ms = entry->timestamp_ms != 0
                               ? entry->timestamp_ms
                               : stele_clock_now_ms(stele_log_clock(&self->log->base));
    queued->put_ns = stele_memory_now_ns(self->log);
    queued->opaque = entry->opaque;
    *self->entries_end = queued;
    self->entries_end = &queued->next;
    self->queue_size += queued->size;
    bool is_reached = stele_memory_is_reached(self->log, self->owner);
    if (!self->waits)
        send_entry(self, queued, is_reached);
    else if (is_reached)
        stele_memory_send_queued(self);
}

static stele_status put(stele_log_producer *base, const stele_log_entry *entry, stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_partition place = {0};
    stele_memory_enter(self->log);
    stele_status status = stele_memory_check_producer(self, err);
    if (status == STELE_OK) status = check_transaction(self, err);
    if (status == STELE_OK) status = find_place(self, entry, &place, err);
    if (status == STELE_OK) status = check_size(self, entry, err);
    if (status == STELE_OK) add_entry(self, entry, place);
    stele_memory_exit(self->log);
    return status;
}

/* ---- deliveries ---- */

/* One that waits for its partition does not keep back those of the others. */
static memory_entry **find_ended(memory_producer *self)
{
    memory_entry **at = &self->entries;
    while (*at != NULL && (*at)->state != MEMORY_ENDED)
        at = &(*at)->next;
    return at;
}

static bool has_ended(memory_producer *self)
{
    return *find_ended(self) != NULL;
}

static memory_entry *take_ended(memory_producer *self)
{
    stele_memory_enter(self->log);
    memory_entry **at = find_ended(self);
    memory_entry *taken = *at;
    if (taken != NULL) {
        *at = taken->next;
        if (*at == NULL) self->entries_end = at;
        self->queue_size -= taken->size;
    }
    stele_memory_exit(self->log);
    return taken;
}

/* At most what is in the queue when it begins: a callback may put more. */
void stele_memory_serve(memory_producer *self)
{
    memory_entry *last = NULL;
    stele_memory_enter(self->log);
    for (memory_entry *it = self->entries; it != NULL; it = it->next)
        if (it->state == MEMORY_ENDED) last = it;
    stele_memory_exit(self->log);

    while (last != NULL) {
        memory_entry *entry = take_ended(self);
        if (entry == last) last = NULL;
        bool failed = entry->failure.status != STELE_OK;
        stele_position position = {.partition = entry->partition, .offset = entry->offset};
        if (self->delivered != NULL)
            self->delivered(self->context, entry->opaque, position,
                            failed ? &entry->failure : NULL);
        free(entry->payload);
        free(entry);
    }
}

static stele_status producer_poll(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    memory_producer *self = (memory_producer *)base;
    stele_deadline deadline = stele_memory_deadline(self->log, timeout_ms);
    stele_memory_enter(self->log);
    stele_memory_send_queued(self);
    while (!has_ended(self) && self->death.status == STELE_OK &&
           stele_memory_wait(self->log, deadline))
        stele_memory_send_queued(self);
    stele_status status = stele_memory_check_producer(self, err);
    stele_memory_exit(self->log);
    stele_memory_serve(self);
    return status;
}

stele_status stele_memory_producer_flush(memory_producer *self, int timeout_ms, stele_error *err)
{
    stele_deadline deadline = stele_memory_deadline(self->log, timeout_ms);
    stele_memory_enter(self->log);
    stele_memory_send_queued(self);
    while (stele_memory_has_queued(self) && stele_memory_wait(self->log, deadline))
        stele_memory_send_queued(self);
    stele_status status = stele_memory_check_producer(self, err);
    if (status == STELE_OK && stele_memory_has_queued(self))
        status = stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                            "not all records are delivered yet: the broker is away or its disk is "
                            "full");
    stele_memory_exit(self->log);
    stele_memory_serve(self);
    return status;
}

static stele_status flush(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    return stele_memory_producer_flush((memory_producer *)base, timeout_ms, err);
}

static void producer_close(stele_log_producer *base)
{
    memory_producer *self = (memory_producer *)base;
    stele_memory_enter(self->log);
    stele_memory_purge(self);
    stele_memory_exit(self->log);
    stele_memory_serve(self);

    stele_memory_enter(self->log); /* last: who releases the log waits for this */
    memory_producer **at = &self->log->producers;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    stele_memory_changed(self->log);
    stele_memory_exit(self->log);
    for (size_t i = 0; i < self->topic_count; i++)
        free(self->topics[i]);
    free(self->topics);
    free(self);
}

const stele_producer_ops stele_memory_producer_ops = {
    .open = producer_open,
    .close = producer_close,
    .abandon = producer_close, /* which ends no transaction */
    .put = put,
    .poll = producer_poll,
    .flush = flush,
};
