/* SPDX-License-Identifier: MIT
 * The writer at work: a worker that owns and serves, desks for all partitions, and the end. */
#include "aggregates/writer_self.h"

#include <assert.h>

#include "aggregates/aggregate.h"
#include "core/alloc.h"
#include "core/config.h"
#include "core/names.h"
#include "kafka/partitioner.h"
#include "producer/event_headers.h"
#include "registry/client.h"

enum {
    DESK_BYTES_MAX = 64 << 20,
    SWEEP_MS = 20,  /* how often deadlines of waiting calls are looked at, */
    EXPIRE_MS = 100 /* and so often while no one calls */
};

/* ---- desks ---- */

static stele_desk *make_desk(const stele_writer *writer, int32_t partition)
{
    return stele_desk_new(&(stele_desk_options){.runtime = stele_log_runtime(writer->log),
                                                .topic = writer->topic,
                                                .partition = partition,
                                                .count_max = writer->queue_max,
                                                .size_max = DESK_BYTES_MAX});
}

stele_desk *writer_desk_of(const stele_writer *writer, stele_bytes aggregate_id)
{
    if (writer->desk_count < 0) return writer->lobby;
    return writer->desks[stele_log_partition_of(aggregate_id, writer->desk_count)];
}

/* Those who wait in the lobby go to their desks. However many there are, each finds a place. */
static void open_desks(stele_writer *writer, int32_t count)
{
    stele_monitor_lock(&writer->monitor);
    writer->desks = stele_alloc_array((size_t)count, sizeof(stele_desk *));
    for (int32_t i = 0; i < count; i++)
        writer->desks[i] = make_desk(writer, i);
    writer->desk_count = count;
    stele_ticket_list waiting = stele_desk_take(writer->lobby, SIZE_MAX);
    for (stele_ticket *each; (each = stele_ticket_list_take(&waiting)) != NULL;) {
        stele_status status =
            stele_desk_add(writer_desk_of(writer, each->aggregate_id), each, NULL);
        assert(status == STELE_OK); /* it has as much room as the lobby */
        (void)status;
    }
    stele_monitor_unlock(&writer->monitor);
}

/* @locality the worker's thread */
static stele_desk *find_desk(void *context, int32_t partition)
{
    stele_writer *writer = context;
    if (writer->desk_count < 0) open_desks(writer, stele_worker_partition_count(writer->worker));
    assert(partition < writer->desk_count);
    return writer->desks[partition];
}

/* ---- the worker's turn ---- */

static const stele_result no_result = {.offset = STELE_OFFSET_NONE};

static void answer_expired(const stele_writer *writer, stele_desk *desk, int32_t partition)
{
    stele_ticket_list expired = stele_desk_expired(desk);
    if (stele_desk_count(desk) > 0) stele_worker_call_within(writer->worker, EXPIRE_MS);
    for (stele_ticket *each; (each = stele_ticket_list_take(&expired)) != NULL;) {
        stele_error failure;
        stele_desk_fail_expired(desk, each, stele_worker_hindrance(writer->worker, partition),
                                &failure);
        stele_ticket_answer(each, &no_result, &failure);
    }
}

static void answer_stopped(stele_desk *desk)
{
    stele_ticket_list waiting = stele_desk_take(desk, SIZE_MAX);
    for (stele_ticket *each; (each = stele_ticket_list_take(&waiting)) != NULL;) {
        stele_error failure;
        stele_desk_fail_stopped(desk, each, &failure);
        stele_ticket_answer(each, &no_result, &failure);
    }
}

/* It was passed on to this instance: whoever did so asks the owner, or knows by now who that is. */
static void refuse_to_forward(const stele_writer *writer, int32_t partition, stele_ticket *ticket)
{
    stele_error failure;
    if (ticket->is_tried)
        stele_desk_fail_expired(writer->desks[partition], ticket, "", &failure);
    else
        stele_fail(&failure, STELE_E_NOT_OWNER, STELE_NEXT_RETRY,
                   "this instance does not own %s/%d, and the call was passed on to it",
                   writer->topic, (int)partition);
    stele_ticket_answer(ticket, &no_result, &failure);
}

/* @return false: it waits on */
static bool forward_one(const stele_writer *writer, int32_t partition, stele_ticket *ticket)
{
    const stele_forwarder *to = writer->setting.forwarder;
    if (ticket->hops < STELE_HOPS_MAX) return to->forward(to->context, partition, ticket);
    refuse_to_forward(writer, partition, ticket);
    return true;
}

static void forward(const stele_writer *writer, int32_t partition)
{
    stele_desk *desk = writer->desks[partition];
    stele_ticket_list waiting = stele_desk_take(desk, SIZE_MAX);
    stele_ticket_list kept = {0};
    for (stele_ticket *each; (each = stele_ticket_list_take(&waiting)) != NULL;)
        if (kept.first != NULL || !forward_one(writer, partition, each))
            stele_ticket_list_add(&kept, each);
    stele_desk_return(desk, &kept);
}

/* A partition that is stopped here is served by no one: whoever calls is told why, at once. One
 * that was, and is given away, is another instance's. */
static void look_at_desk(const stele_writer *writer, int32_t partition)
{
    stele_desk *desk = writer->desks[partition];
    const stele_error *why = stele_worker_stopped(writer->worker, partition);
    stele_desk_state state = stele_desk_get_state(desk);
    if (why != NULL && state != STELE_DESK_STOPPED) stele_desk_stop(desk, why);
    if (why == NULL && state == STELE_DESK_STOPPED)
        stele_desk_set_state(desk, STELE_DESK_ELSEWHERE);
    if (why != NULL)
        answer_stopped(desk);
    else if (writer->setting.forwarder != NULL &&
             (state == STELE_DESK_ELSEWHERE || state == STELE_DESK_STOPPED))
        forward(writer, partition);
}

/* @locality the worker's thread */
static void turn(void *context, stele_worker *worker)
{
    stele_writer *writer = context;
    atomic_store(&writer->is_rung, false); /* who comes now rings again */
    int32_t count = stele_worker_partition_count(worker);
    if (writer->desk_count < 0 && count > 0) open_desks(writer, count);
    for (int32_t i = 0; i < writer->desk_count; i++)
        look_at_desk(writer, i);
    int64_t now_ns = stele_clock_monotonic_ns(writer_clock(writer));
    if (now_ns - writer->swept_ns < (int64_t)SWEEP_MS * 1000000) {
        stele_worker_call_within(worker, SWEEP_MS);
        return;
    }
    writer->swept_ns = now_ns;
    answer_expired(writer, writer->lobby, -1);
    for (int32_t i = 0; i < writer->desk_count; i++)
        answer_expired(writer, writer->desks[i], i);
}

/* ---- opening ---- */

static int config_int(const stele_config *config, const char *section, const char *name,
                      const char *key)
{
    return (int)stele_config_int(config, section, name, key);
}

static void name_commands(stele_writer *writer, const stele_config *config, bool takes_commands)
{
    const char *name = writer->aggregate->name;
    if (!takes_commands && !stele_config_is(config, "aggregate", name, "commands", "topic")) return;
    writer->commands = stele_commands_topic(name);
    writer->dead = stele_commands_dead_topic(name);
    writer->own[0] = writer->dead;
}

static stele_status open_fold(stele_writer *writer, const stele_config *config, stele_error *err)
{
    const char *name = writer->aggregate->name;
    static const char *const shared[] = {STELE_OWNERS_TOPIC, NULL};
    writer->owner = (stele_fold_owner){.shared = shared,
                                       .own = writer->own,
                                       .commands = writer->commands,
                                       .lanes = STELE_OWNER_LANES,
                                       .companion = &writer->companion,
                                       .ensure = stele_ownership_ensure};
    stele_fold_options options = {
        .projection = writer->projection,
        .registry = writer->registry,
        .snapshot_events = stele_config_int(config, "aggregate", name, "snapshot_events"),
        .snapshot_interval_ms = config_int(config, "aggregate", name, "snapshot_interval_ms"),
        .transaction_timeout_ms = config_int(config, "aggregate", name, "transaction_timeout_ms"),
        .owner = &writer->owner};
    return stele_fold_open(&options, &writer->fold, err);
}

static stele_status open_ownership(stele_writer *writer, bool answers_committed, stele_error *err)
{
    const char *address = writer->setting.address;
    stele_ownership_options options = {.aggregate = writer->aggregate,
                                       .registry = writer->registry,
                                       .fold = writer->fold,
                                       .instance = writer->instance,
                                       .address = address == NULL ? "" : address,
                                       .source = writer->source,
                                       .takes_commands = writer->commands != NULL,
                                       .answers_committed = answers_committed,
                                       .desk = find_desk,
                                       .turn = turn,
                                       .context = writer};
    stele_status status = stele_ownership_new(&options, &writer->ownership, err);
    writer->owner.context = writer->ownership;
    return status;
}

static stele_status open_worker(stele_writer *writer, const stele_config *config, stele_error *err)
{
    int drain_ms = config_int(config, "worker", NULL, "drain_timeout_ms");
    size_t memory = (size_t)stele_config_int(config, "worker", NULL, "memory_max_mb") << 20;
    stele_worker_options options = {
        .name = stele_fold_group(writer->fold),
        .topic = stele_fold_topic(writer->fold),
        .instance = writer->instance,
        .eager = stele_config_is(config, "worker", NULL, "assignment", "eager"),
        .session_timeout_ms = config_int(config, "kafka", NULL, "session.timeout.ms"),
        .stall_timeout_ms = config_int(config, "worker", NULL, "stall_timeout_ms"),
        .drain_timeout_ms = drain_ms > 0 ? drain_ms : -1, /* 0 is the struct's default */
        .memory_max = writer->setting.memory_max > 0 ? writer->setting.memory_max : memory,
        .registry = writer->registry,
        .ops = &stele_owner_tasks,
        .self = writer->ownership,
        .logger = writer->setting.logger,
    };
    return stele_worker_open(writer->log, &options, &writer->worker, err);
}

static bool answers_committed(const stele_config *config, const stele_writer_options *options)
{
    if (options->acknowledge != STELE_ACKNOWLEDGE_CONFIGURED)
        return options->acknowledge == STELE_ACKNOWLEDGE_COMMITTED;
    return stele_config_is(config, "aggregate", options->aggregate->name, "acknowledge",
                           "committed");
}

static void release(stele_writer *writer)
{
    stele_worker_close(writer->worker);
    stele_fold_close(writer->fold); /* waits for what was left behind: it uses the ownership */
    stele_ownership_free(writer->ownership);
    stele_writer_projection_free(writer->projection);
    stele_desk_free(writer->lobby);
    for (int32_t i = 0; i < writer->desk_count; i++)
        stele_desk_free(writer->desks[i]);
    free(writer->desks);
    stele_monitor_clear(&writer->monitor);
    free(writer->topic);
    free(writer->commands);
    free(writer->dead);
    free(writer->source);
    free(writer->instance);
    free(writer);
}

stele_status stele_writer_new(stele_client *client, const stele_writer_options *options,
                              const stele_writer_setting *setting, stele_writer **out,
                              stele_error *err)
{
    const stele_config *config = stele_client_config(client);
    stele_status status = stele_aggregate_check(options->aggregate, err);
    if (status < 0) return status;
    const char *name = options->aggregate->name;
    if (!stele_aggregate_decides(options->aggregate))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s does not decide: a writer needs an aggregate with a state; events of "
                          "others are published (stele_publisher_open)",
                          name);
    stele_writer *writer = stele_alloc(sizeof *writer);
    writer->aggregate = options->aggregate;
    writer->log = stele_client_log(client);
    writer->registry = stele_client_registry(client);
    if (setting != NULL) writer->setting = *setting;
    writer->topic = stele_events_topic(name);
    writer->instance = stele_strdup(stele_client_instance(client));
    if (stele_config_is(config, "aggregate", name, "headers", "cloudevents"))
        writer->source = stele_event_source(stele_client_name(client));
    int queue_max = options->queue_max > 0 ? options->queue_max
                                           : config_int(config, "aggregate", name, "queue_max");
    writer->queue_max = (size_t)queue_max;
    writer->desk_count = -1;
    writer->projection = stele_writer_projection_new(options->aggregate);
    writer->limits = stele_remembered_limits_of(options->aggregate);
    writer->companion = stele_remembered_companion(&writer->limits);
    stele_monitor_init(&writer->monitor, stele_log_runtime(writer->log));
    stele_uuid_source_init(&writer->ids, stele_log_runtime(writer->log));
    writer->lobby = make_desk(writer, -1);
    name_commands(writer, config, options->takes_commands);
    status = open_fold(writer, config, err);
    if (status == STELE_OK)
        status = open_ownership(writer, answers_committed(config, options), err);
    if (status == STELE_OK) status = open_worker(writer, config, err);
    if (status < 0)
        release(writer);
    else
        *out = writer;
    return status;
}

/* ---- running ---- */

static void answer_all(stele_desk *desk, const stele_error *why)
{
    stele_ticket_list waiting = stele_desk_take(desk, SIZE_MAX);
    for (stele_ticket *each; (each = stele_ticket_list_take(&waiting)) != NULL;) {
        stele_error failure = *why;
        if (each->is_tried) stele_desk_fail_expired(desk, each, "", &failure);
        stele_ticket_answer(each, &no_result, &failure);
    }
}

/* From now on calls are refused. */
static void refuse_calls(stele_writer *writer, const stele_error *why)
{
    stele_monitor_lock(&writer->monitor);
    if (writer->ended.status == STELE_OK) writer->ended = *why;
    stele_monitor_unlock(&writer->monitor);
}

static void answer_waiting(const stele_writer *writer, const stele_error *why)
{
    answer_all(writer->lobby, why);
    for (int32_t i = 0; i < writer->desk_count; i++)
        answer_all(writer->desks[i], why);
}

static void fail_closed(const stele_writer *writer, stele_error *err)
{
    stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP,
               "the writer of %s was closed before the call was begun: nothing was appended",
               writer->aggregate->name);
}

static void end_calls(stele_writer *writer, const stele_error *why)
{
    refuse_calls(writer, why);
    answer_waiting(writer, why);
}

stele_status stele_writer_run(stele_writer *writer, const atomic_bool *stop, stele_error *err)
{
    stele_error failure;
    stele_status status = stele_worker_run(writer->worker, stop, &failure);
    if (status < 0 && err != NULL) *err = failure;
    bool is_stopped = status == STELE_E_STOPPED;
    if (is_stopped && writer->setting.forwarder != NULL) return status;
    stele_error why;
    if (status < 0)
        stele_fail_cause(&why, is_stopped ? STELE_E_STOPPED : STELE_E_UNAVAILABLE, STELE_NEXT_STOP,
                         failure.cause, "the writer of %s has ended: %s", writer->aggregate->name,
                         failure.text);
    else
        fail_closed(writer, &why);
    end_calls(writer, &why);
    return status;
}

void stele_writer_pass_on(stele_writer *writer, const atomic_bool *stop)
{
    enum { TURN_MS = 100 };
    stele_error closed;
    while (!atomic_load(stop)) {
        turn(writer, writer->worker);
        stele_worker_rest(writer->worker, TURN_MS);
    }
    fail_closed(writer, &closed);
    end_calls(writer, &closed);
}

/* @locality the thread of stele_writer_open */
static void run(void *context)
{
    stele_writer *writer = context;
    stele_writer_run(writer, &writer->stop, NULL); /* calls say why it ended */
}

stele_status stele_writer_open(stele_client *client, const stele_writer_options *options,
                               stele_writer **out, stele_error *err)
{
    stele_writer *writer;
    stele_status status = stele_writer_new(client, options, NULL, &writer, err);
    if (status < 0) return status;
    int cause = stele_thread_start(stele_log_runtime(writer->log), &writer->thread, "stele-writer",
                                   run, writer);
    if (cause != 0) {
        release(writer);
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                                "no thread for the writer of %s: raise the limit of threads",
                                options->aggregate->name);
    }
    writer->has_thread = true;
    *out = writer;
    return STELE_OK;
}

void stele_writer_close(stele_writer *writer)
{
    if (writer == NULL) return;
    stele_error closed;
    fail_closed(writer, &closed);
    refuse_calls(writer, &closed);
    atomic_store(&writer->stop, true);
    stele_worker_wake(writer->worker);
    if (writer->has_thread) stele_thread_join(writer->thread);
    answer_waiting(writer, &closed); /* of one that never ran */
    release(writer);
}

/* ---- what others ask ---- */

void stele_writer_wake(stele_writer *writer)
{
    stele_worker_wake(writer->worker);
}

const stele_aggregate *stele_writer_aggregate(const stele_writer *writer)
{
    return writer->aggregate;
}

stele_desk_state stele_writer_desk_state(stele_writer *writer, int32_t partition)
{
    stele_monitor_lock(&writer->monitor);
    stele_desk *desk =
        partition >= 0 && partition < writer->desk_count ? writer->desks[partition] : writer->lobby;
    stele_monitor_unlock(&writer->monitor);
    return stele_desk_get_state(desk);
}

int32_t stele_writer_partition_of(stele_writer *writer, stele_bytes aggregate_id)
{
    stele_monitor_lock(&writer->monitor);
    int32_t count = writer->desk_count;
    stele_monitor_unlock(&writer->monitor);
    return count < 0 ? -1 : stele_log_partition_of(aggregate_id, count);
}
