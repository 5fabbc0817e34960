/* SPDX-License-Identifier: MIT
 * The publisher of facts: takes events in, keeps each until it is acknowledged. */
#include <stele/codec.h>

#include <assert.h>
#include <limits.h>

#include "core/alloc.h"
#include "core/config.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "producer/event_headers.h"
#include "producer/owned.h"
#include "producer/publisher_inside.h"
#include "registry/client.h"
#include "registry/wire.h"

enum {
    QUEUE_MAX = 64 << 20,
    TIMEOUT_MS = 30000,
    /* For ever: an event that its producer gives up could be overtaken by those behind it. */
    DELIVERY_TIMEOUT_MS = INT_MAX,
    STEP_MS = 200,     /* longest wait between two looks at what has happened */
    SERVE_EVERY = 256, /* events between two looks at deliveries */
    REPLACE_MS = 2000, /* least time of one attempt to replace a producer */
    REPLACE_PAUSE_MIN_MS = 100,
    REPLACE_PAUSE_MAX_MS = 5000,
    PARTITIONS_CHECK_MS = 30000
};

static stele_clock clock_of(const stele_publisher *publisher)
{
    return stele_log_clock(publisher->log);
}

static int64_t now_ns(const stele_publisher *publisher)
{
    return stele_clock_monotonic_ns(clock_of(publisher));
}

/* ---- deliveries ---- */

void stele_publisher_deliver(stele_publisher *publisher, stele_pending *pending, int64_t offset,
                             const stele_error *failure)
{
    assert(pending->partition >= 0 && pending->partition < publisher->partition_count);
    stele_publisher_partition *own = &publisher->partitions[pending->partition];
    assert(own->queue.count > 0 && publisher->pending_size >= pending->size);
    assert(!pending->is_suspect || publisher->suspects > 0);
    stele_delivery delivery = {.opaque = pending->opaque,
                               .partition = pending->partition,
                               .offset = failure == NULL ? offset : -1,
                               .failure = failure};
    if (failure == NULL && offset >= own->settled) own->settled = offset + 1;
    if (pending->is_suspect) publisher->suspects--;
    if (pending == publisher->condemned) publisher->condemned = NULL;
    publisher->pending_size -= stele_pending_done(&publisher->pool, &own->queue, pending);
    if (publisher->options.delivered != NULL)
        publisher->options.delivered(publisher->options.context, &delivery);
}

void stele_publisher_doubt(stele_publisher *publisher, const stele_error *why)
{
    if (!publisher->must_replace) publisher->doubt = *why;
    publisher->must_replace = true;
}

/* What became of an event says more than that the producer died of it. */
void stele_publisher_doubt_event(stele_publisher *publisher, const stele_error *why)
{
    bool is_better = !publisher->is_doubt_of_event && why->next != STELE_NEXT_RETRY;
    if (is_better) publisher->doubt = *why;
    publisher->is_doubt_of_event = publisher->is_doubt_of_event || is_better;
    stele_publisher_doubt(publisher, why);
}

/* In a call of the producer, which is gapless: after a failure it takes no more, and none of those
 * behind is stored. No event is given up for it, the producer is. */
static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    stele_publisher *publisher = context;
    stele_pending *pending = opaque;
    if (failure == NULL) {
        publisher->replace_pause_ms = REPLACE_PAUSE_MIN_MS;
        publisher->same_cause = 0;
        stele_publisher_deliver(publisher, pending, position.offset, NULL);
    } else if (stele_publisher_is_refusal(publisher, failure)) {
        stele_publisher_refuse(publisher, pending, failure);
    } else {
        if (failure->next == STELE_NEXT_RETRY) pending->state = STELE_PENDING_KEPT;
        stele_publisher_doubt_event(publisher, failure);
    }
}

static size_t count_pending(const stele_publisher *publisher)
{
    size_t count = 0;
    for (int32_t i = 0; i < publisher->partition_count; i++)
        count += publisher->partitions[i].queue.count;
    return count;
}

static stele_status die(stele_publisher *publisher, const stele_error *failure, stele_error *err)
{
    publisher->dead = *failure;
    publisher->dead.next = STELE_NEXT_STOP;
    if (err != NULL) *err = publisher->dead;
    return publisher->dead.status;
}

static stele_status is_dead(const stele_publisher *publisher, stele_error *err)
{
    if (publisher->dead.status < 0 && err != NULL) *err = publisher->dead;
    return publisher->dead.status;
}

/* Keys stay where they are only as long as the count of partitions does. */
static stele_status check_partitions(stele_publisher *publisher, stele_error *err)
{
    int64_t now = now_ns(publisher);
    stele_log_topic topic;
    stele_error failure;
    if (publisher->partition_count == 0 ||
        now - publisher->partitions_checked_ns < (int64_t)PARTITIONS_CHECK_MS * 1000000)
        return STELE_OK;
    publisher->partitions_checked_ns = now;
    if (stele_log_topic_describe(publisher->log, publisher->topic, STEP_MS, &topic, NULL) < 0 ||
        topic.partitions == publisher->partition_count)
        return STELE_OK;
    stele_fail(&failure, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
               "%s had %d partitions and has %d: keys have moved, and aggregates with them",
               publisher->topic, (int)publisher->partition_count, (int)topic.partitions);
    return die(publisher, &failure, err);
}

static stele_status try_replacing(stele_publisher *publisher, int timeout_ms, stele_error *err)
{
    stele_error failure;
    if (timeout_ms < REPLACE_MS) timeout_ms = REPLACE_MS;
    stele_deadline until = stele_deadline_after(clock_of(publisher), timeout_ms);
    if (now_ns(publisher) < publisher->replace_at_ns) {
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, publisher->doubt.cause,
                                "a producer is being replaced: %s", publisher->doubt.text);
    }
    publisher->has_advanced = false;
    stele_status status = stele_publisher_replace(publisher, until, &failure);
    if (publisher->has_advanced) publisher->replace_pause_ms = REPLACE_PAUSE_MIN_MS;
    publisher->replace_at_ns = now_ns(publisher) + (int64_t)publisher->replace_pause_ms * 1000000;
    if (publisher->replace_pause_ms < REPLACE_PAUSE_MAX_MS) publisher->replace_pause_ms *= 2;
    if (status == STELE_OK) return STELE_OK;
    if (failure.next != STELE_NEXT_RETRY) return die(publisher, &failure, err);
    publisher->doubt = failure;
    if (err != NULL) *err = failure;
    return status;
}

/* Serve deliveries, and mend what has broken.
 * @return next = RETRY: not mended yet */
static stele_status serve(stele_publisher *publisher, int timeout_ms, stele_error *err)
{
    stele_error failure;
    stele_status status;
    publisher->published = 0;
    if ((status = is_dead(publisher, err)) < 0) return status;
    if ((status = check_partitions(publisher, err)) < 0) return status;
    if (!publisher->must_replace) {
        status = stele_log_producer_poll(publisher->producer, timeout_ms, &failure);
        if (status < 0 && failure.next != STELE_NEXT_RETRY)
            stele_publisher_doubt(publisher, &failure);
    }
    if (publisher->must_replace && (status = try_replacing(publisher, timeout_ms, err)) < 0)
        return status;
    if (!publisher->has_kept) return STELE_OK;
    if ((status = stele_publisher_try_suspects(publisher, &failure)) == STELE_OK)
        status = stele_publisher_put_kept(publisher, &failure);
    if (status < 0 && failure.next != STELE_NEXT_RETRY) stele_publisher_doubt(publisher, &failure);
    return STELE_OK;
}

/* ---- opening ---- */

stele_status stele_publisher_open_producer(stele_publisher *publisher, stele_error *err)
{
    /* More than the queue of events, so that it is that one which says it is full. */
    stele_log_producer_options options = {.delivery_timeout_ms = DELIVERY_TIMEOUT_MS,
                                          .queue_max = 2 * publisher->options.queue_max,
                                          .batch_max = publisher->batch_max,
                                          .compression = publisher->compression,
                                          .linger_ms = publisher->options.linger_ms,
                                          .gapless = true,
                                          .delivered = on_delivered,
                                          .context = publisher};
    return stele_log_producer_open(publisher->log, &options, &publisher->producer, err);
}

static void release(stele_publisher *publisher)
{
    stele_log_producer_close(publisher->producer);
    for (int32_t i = 0; i < publisher->partition_count; i++)
        stele_pending_queue_clear(&publisher->partitions[i].queue);
    stele_pending_pool_clear(&publisher->pool);
    for (size_t i = 0; i < publisher->type_count; i++)
        free(publisher->types[i]);
    stele_buffer_clear(&publisher->value);
    free(publisher->types);
    free(publisher->partitions);
    free(publisher->topic);
    free(publisher->source);
    free(publisher->compression);
    free(publisher);
}

static void take_options(stele_publisher *publisher, const stele_config *config,
                         const stele_publisher_options *options)
{
    stele_publisher_options *own = &publisher->options;
    *own = *options;
    if (own->headers == STELE_HEADERS_CONFIGURED)
        own->headers =
            stele_config_is(config, "aggregate", options->aggregate, "headers", "cloudevents")
                ? STELE_HEADERS_CLOUDEVENTS
                : STELE_HEADERS_MINIMAL;
    if (own->queue_max == 0) own->queue_max = QUEUE_MAX;
    if (own->timeout_ms == 0) own->timeout_ms = TIMEOUT_MS;
    publisher->compression = stele_strdup(options->compression);
    own->compression = publisher->compression;
    own->aggregate = NULL;
}

stele_status stele_publisher_open(stele_client *client, const stele_publisher_options *options,
                                  stele_publisher **out, stele_error *err)
{
    if (options->aggregate == NULL || options->aggregate[0] == '\0') {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "a publisher needs the name of an aggregate");
    }
    stele_publisher *publisher = stele_alloc(sizeof *publisher);
    take_options(publisher, stele_client_config(client), options);
    publisher->log = stele_client_log(client);
    publisher->registry = stele_client_registry(client);
    publisher->topic = stele_events_topic(options->aggregate);
    publisher->source = stele_event_source(stele_client_name(client));
    publisher->replace_pause_ms = REPLACE_PAUSE_MIN_MS;
    publisher->partitions_checked_ns = now_ns(publisher);
    stele_uuid_source_init(&publisher->ids, stele_log_runtime(publisher->log));
    stele_status status = stele_publisher_open_producer(publisher, err);
    if (status < 0) {
        release(publisher);
        return status;
    }
    *out = publisher;
    return STELE_OK;
}

/* ---- publishing ---- */

/* What the broker would refuse, with the batch that it is in. */
static stele_status check_time(const stele_publisher *publisher, int64_t time_ms, stele_error *err)
{
    if (time_ms == 0) return STELE_OK;
    if (time_ms < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an event's time is %lld ms: Kafka knows none before 1970",
                          (long long)time_ms);
    int64_t ahead_ms = time_ms - stele_clock_now_ms(clock_of(publisher));
    if (ahead_ms > publisher->times.future_max_ms)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an event's time is %lld ms, %lld s ahead of this clock; %s takes %lld s "
                          "(message.timestamp.after.max.ms); milliseconds since 1970 are meant",
                          (long long)time_ms, (long long)(ahead_ms / 1000), publisher->topic,
                          (long long)(publisher->times.future_max_ms / 1000));
    if (-ahead_ms > publisher->times.past_max_ms)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an event's time is %lld ms, %lld s ago; %s takes %lld s "
                          "(message.timestamp.before.max.ms); milliseconds since 1970 are meant",
                          (long long)time_ms, (long long)(-ahead_ms / 1000), publisher->topic,
                          (long long)(publisher->times.past_max_ms / 1000));
    return STELE_OK;
}

/* The broker refuses a batch that is larger than the topic's limit, with all records in it. */
static stele_status fit_batches(stele_publisher *publisher, stele_error *err)
{
    stele_status status =
        stele_log_topic_batch_max(publisher->log, publisher->topic, publisher->options.timeout_ms,
                                  &publisher->batch_max, err);
    if (status < 0 || publisher->batch_max == 0) return status;
    stele_log_producer *unused = publisher->producer;
    status = stele_publisher_open_producer(publisher, err);
    if (status == STELE_OK) stele_log_producer_close(unused);
    return status;
}

static stele_status check_unowned(stele_publisher *publisher, stele_error *err)
{
    stele_bytes name;
    stele_events_topic_parse(publisher->topic, &name);
    STELE_AUTO(char) aggregate = stele_strndup((const char *)name.data, name.size);
    return stele_events_check_unowned(publisher->log, aggregate, publisher->options.timeout_ms,
                                      err);
}

static stele_status find_topic(stele_publisher *publisher, stele_error *err)
{
    if (publisher->partition_count > 0) return STELE_OK;
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(publisher->log, publisher->topic,
                                                   publisher->options.timeout_ms, &topic, err);
    if (status == STELE_OK) status = check_unowned(publisher, err);
    if (status == STELE_OK) status = fit_batches(publisher, err);
    if (status == STELE_OK)
        status = stele_log_topic_times(publisher->log, publisher->topic,
                                       publisher->options.timeout_ms, &publisher->times, err);
    if (status < 0) return status;
    publisher->partition_count = topic.partitions;
    publisher->partitions =
        stele_alloc_array((size_t)topic.partitions, sizeof *publisher->partitions);
    return STELE_OK;
}

/* Where to read back from, if nothing is acknowledged before the first producer dies. */
static stele_status use_partition(stele_publisher *publisher, int32_t index, stele_error *err)
{
    stele_publisher_partition *own = &publisher->partitions[index];
    if (own->is_used) return STELE_OK;
    int64_t start;
    stele_partition partition = {publisher->topic, index};
    stele_deadline until = stele_deadline_after(clock_of(publisher), publisher->options.timeout_ms);
    stele_status status = stele_log_bounds_by(publisher->log, partition, STELE_READ_UNCOMMITTED,
                                              until, &start, &own->settled, err);
    if (status == STELE_OK) own->is_used = true;
    return status;
}

static stele_status register_type(stele_publisher *publisher, const stele_type *type,
                                  stele_published_type **out, stele_error *err)
{
    int32_t id;
    STELE_AUTO(char) subject = stele_registry_subject(publisher->topic, type->name);
    stele_status status =
        stele_registry_register(publisher->registry, subject, stele_text(type->schema), NULL, 0,
                                publisher->options.timeout_ms, &id, err);
    if (status < 0) return status;
    stele_published_type *published = stele_alloc(sizeof *published);
    *published = (stele_published_type){.type = type, .schema_id = id};
    publisher->types =
        stele_realloc_array(publisher->types, publisher->type_count + 1, sizeof *publisher->types);
    publisher->types[publisher->type_count++] = published;
    *out = published;
    return STELE_OK;
}

static stele_status find_type(stele_publisher *publisher, const stele_type *type,
                              stele_published_type **out, stele_error *err)
{
    if (publisher->last_type != NULL && publisher->last_type->type == type) {
        *out = publisher->last_type;
        return STELE_OK;
    }
    stele_published_type *found = NULL;
    for (size_t i = 0; i < publisher->type_count && found == NULL; i++) {
        if (publisher->types[i]->type == type) found = publisher->types[i];
    }
    if (found == NULL) {
        stele_status status = register_type(publisher, type, &found, err);
        if (status < 0) return status;
    }
    publisher->last_type = found;
    *out = found;
    return STELE_OK;
}

static stele_status encode(stele_publisher *publisher, const stele_published_type *published,
                           const void *event, stele_error *err)
{
    stele_buffer_reset(&publisher->value);
    stele_wire_begin(&publisher->value, published->schema_id);
    return stele_encode(published->type, event, &publisher->value, err);
}

static void make_headers(const stele_publisher *publisher, const stele_pending *pending,
                         const stele_pending_parts *parts, stele_written_headers *out)
{
    const stele_published_type *published = pending->type_entry;
    bool is_whole = publisher->options.headers == STELE_HEADERS_CLOUDEVENTS;
    stele_written_headers_make(&(stele_written_event){.id = &pending->id,
                                                      .correlation = parts->correlation,
                                                      .causation = parts->causation,
                                                      .traceparent = parts->traceparent,
                                                      .source = is_whole ? publisher->source : NULL,
                                                      .type = published->type,
                                                      .subject = parts->key,
                                                      .time_ms = pending->timestamp_ms},
                               out);
}

stele_status stele_publisher_put(stele_publisher *publisher, stele_pending *pending,
                                 stele_error *err)
{
    stele_written_headers headers;
    stele_pending_parts parts = stele_pending_view(pending);
    make_headers(publisher, pending, &parts, &headers);
    stele_log_entry entry = {.partition = {publisher->topic, pending->partition},
                             .key = parts.key,
                             .value = parts.value,
                             .headers = headers.headers,
                             .header_count = headers.count,
                             .timestamp_ms = pending->timestamp_ms,
                             .opaque = pending};
    stele_status status = stele_log_producer_put(publisher->producer, &entry, err);
    if (status == STELE_OK) pending->state = STELE_PENDING_SENT;
    return status;
}

bool stele_publisher_is_forbidden(const stele_error *failure)
{
    return failure->status == STELE_E_FORBIDDEN;
}

/* Why there is no room: a producer that is being replaced, a broker that is away, or only many
 * events under way. */
static stele_status full(const stele_publisher *publisher, stele_error *err)
{
    stele_error problem;
    size_t count = count_pending(publisher);
    bool in_trouble = publisher->must_replace || publisher->has_kept;
    if (in_trouble && stele_publisher_is_forbidden(&publisher->doubt))
        return stele_fail_cause(err, publisher->doubt.status, STELE_NEXT_RETRY,
                                publisher->doubt.cause, "%zu events wait: %s", count,
                                publisher->doubt.text);
    if (in_trouble)
        return stele_fail_cause(err, STELE_E_FULL, STELE_NEXT_RETRY, publisher->doubt.cause,
                                "%zu events wait for a new producer: %s", count,
                                publisher->doubt.text);
    if (!stele_log_is_up(publisher->log) && stele_log_last_problem(publisher->log, &problem) < 0)
        return stele_fail_cause(err, STELE_E_FULL, STELE_NEXT_RETRY, problem.cause,
                                "%zu events wait for the broker: %s", count, problem.text);
    return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY,
                      "%zu events, %zu bytes, are not acknowledged yet: serve deliveries", count,
                      publisher->pending_size);
}

/* Room for one more event. An empty queue takes any. */
static stele_status make_room(stele_publisher *publisher, size_t size, stele_error *err)
{
    bool is_full = publisher->pending_size > 0 &&
                   publisher->pending_size + size > publisher->options.queue_max;
    if (is_full || publisher->must_replace || publisher->has_kept ||
        ++publisher->published == SERVE_EVERY) {
        stele_error failure;
        stele_status status = serve(publisher, 0, &failure);
        if (status < 0 && failure.next != STELE_NEXT_RETRY) return is_dead(publisher, err);
    }
    if (publisher->must_replace || publisher->has_kept) return full(publisher, err);
    if (publisher->pending_size == 0) return STELE_OK;
    return publisher->pending_size + size > publisher->options.queue_max ? full(publisher, err)
                                                                         : STELE_OK;
}

static stele_status queue_event(stele_publisher *publisher, const stele_pending_parts *parts,
                                const stele_published_type *published,
                                const stele_publish_options *options, stele_error *err)
{
    int32_t index = stele_log_partition_of(parts->key, publisher->partition_count);
    stele_status status = use_partition(publisher, index, err);
    if (status < 0) return status;
    stele_pending_queue *queue = &publisher->partitions[index].queue;
    stele_pending *pending = stele_pending_append(&publisher->pool, queue, parts);
    pending->partition = index;
    pending->type_entry = published;
    pending->opaque = options->opaque;
    pending->id = stele_uuid_source_next(&publisher->ids);
    if (options->event_id != NULL) /* it was checked with the other headers */
        stele_uuid_parse(stele_text(options->event_id), &pending->id, NULL);
    pending->timestamp_ms =
        options->time_ms != 0 ? options->time_ms : stele_clock_now_ms(clock_of(publisher));
    publisher->pending_size += pending->size;

    stele_error failure;
    status = stele_publisher_put(publisher, pending, &failure);
    if (status == STELE_OK) return STELE_OK;
    bool is_mistake = status == STELE_E_NOT_FOUND || status == STELE_E_INVALID;
    if (failure.next == STELE_NEXT_STOP && !is_mistake) { /* it died: kept for the next one */
        stele_publisher_doubt(publisher, &failure);
        return STELE_OK;
    }
    publisher->pending_size -= pending->size;
    stele_pending_take_back(queue, pending);
    if (err != NULL) *err = failure;
    return status;
}

stele_status stele_publisher_publish(stele_publisher *publisher, stele_bytes aggregate_id,
                                     const stele_type *type, const void *event,
                                     const stele_publish_options *options, stele_error *err)
{
    static const stele_publish_options none = {0};
    if (options == NULL) options = &none;
    stele_published_type *published;
    stele_status status;
    if ((status = is_dead(publisher, err)) < 0) return status;
    if ((status = stele_aggregate_id_check(aggregate_id, err)) < 0) return status;
    if ((status = stele_publish_options_check(options, err)) < 0) return status;
    if ((status = find_topic(publisher, err)) < 0) return status;
    if ((status = check_time(publisher, options->time_ms, err)) < 0) return status;
    if ((status = stele_registry_check(publisher->registry, err)) < 0) return status;
    if ((status = find_type(publisher, type, &published, err)) < 0) return status;
    if ((status = encode(publisher, published, event, err)) < 0) return status;

    stele_pending_parts parts = {.key = aggregate_id,
                                 .value = stele_buffer_view(&publisher->value),
                                 .correlation = stele_text(options->correlation_id),
                                 .causation = stele_text(options->causation_id),
                                 .traceparent = stele_text(options->traceparent)};
    if ((status = make_room(publisher, stele_pending_size(&parts), err)) < 0) return status;
    return queue_event(publisher, &parts, published, options, err);
}

/* ---- waiting ---- */

stele_status stele_publisher_poll(stele_publisher *publisher, int timeout_ms, stele_error *err)
{
    stele_deadline until = stele_deadline_after(clock_of(publisher), timeout_ms);
    stele_error failure;
    stele_status status;
    size_t before = count_pending(publisher);
    do {
        status = serve(publisher, stele_deadline_remaining_ms(until, STEP_MS), &failure);
        if (status < 0 &&
            failure.next == STELE_NEXT_RETRY) /* being mended: deliveries come later */
            stele_sleep_ms(stele_log_runtime(publisher->log), 10);
    } while ((status == STELE_OK || failure.next == STELE_NEXT_RETRY) && before > 0 &&
             count_pending(publisher) == before && !stele_deadline_passed(until));
    return status < 0 && failure.next != STELE_NEXT_RETRY ? is_dead(publisher, err) : STELE_OK;
}

static stele_status not_flushed(const stele_publisher *publisher, stele_error *err)
{
    bool is_down = publisher->must_replace;
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "%zu events are not acknowledged yet%s%s", count_pending(publisher),
                      is_down ? ": " : "", is_down ? publisher->doubt.text : "");
}

stele_status stele_publisher_flush(stele_publisher *publisher, int timeout_ms, stele_error *err)
{
    stele_deadline until = stele_deadline_after(clock_of(publisher), timeout_ms);
    while (count_pending(publisher) > 0) {
        int step_ms = stele_deadline_remaining_ms(until, STEP_MS);
        if (!publisher->must_replace && !publisher->has_kept && publisher->dead.status == STELE_OK)
            stele_log_producer_flush(publisher->producer, step_ms, NULL);
        if (count_pending(publisher) == 0) break;
        stele_status status =
            stele_publisher_poll(publisher, publisher->must_replace ? step_ms : 0, err);
        if (status < 0) return status;
        if (stele_deadline_passed(until) && count_pending(publisher) > 0)
            return not_flushed(publisher, err);
    }
    return STELE_OK;
}

/* Also one that is dead, because keys have moved, ends what it has begun. */
static void drain(stele_publisher *publisher, int timeout_ms)
{
    stele_deadline until = stele_deadline_after(clock_of(publisher), timeout_ms);
    while (count_pending(publisher) > 0 && !publisher->must_replace && !publisher->has_kept &&
           !stele_deadline_passed(until))
        stele_log_producer_flush(publisher->producer, stele_deadline_remaining_ms(until, STEP_MS),
                                 NULL);
}

/* What is left is given up: the application decides what becomes of it. */
static void give_up(stele_publisher *publisher, const stele_error *failure)
{
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        for (;;) {
            stele_pending_chunk *chunk = NULL;
            size_t at = 0;
            stele_pending *pending =
                stele_pending_next(&publisher->partitions[i].queue, &chunk, &at);
            if (pending == NULL) break;
            stele_publisher_deliver(publisher, pending, -1, failure);
        }
    }
}

stele_status stele_publisher_close(stele_publisher *publisher, int timeout_ms, stele_error *err)
{
    stele_error failure;
    if (publisher == NULL) return STELE_OK;
    stele_deadline until = stele_deadline_after(clock_of(publisher), timeout_ms);
    drain(publisher, timeout_ms);
    int left_ms = stele_deadline_remaining_ms(until, INT_MAX);
    stele_status status = stele_publisher_flush(publisher, left_ms, &failure);
    stele_log_producer_close(publisher->producer); /* what it still acknowledges is delivered */
    publisher->producer = NULL;
    if (status < 0 && count_pending(publisher) == 0 && publisher->dead.status == STELE_OK)
        status = STELE_OK;
    if (status < 0) {
        give_up(publisher, &failure);
        failure.next = STELE_NEXT_STOP;
        if (err != NULL) *err = failure;
    }
    assert(count_pending(publisher) == 0 && publisher->pending_size == 0);
    release(publisher);
    return status;
}
