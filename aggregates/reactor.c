/* SPDX-License-Identifier: MIT
 * The tasks of reactions: taken, fed, ticked, drained and closed by the worker. */
#include "aggregates/reactor.h"

#include <inttypes.h>

#include "aggregates/aggregate.h"
#include "aggregates/reactor_inside.h"
#include "core/alloc.h"
#include "core/names.h"
#include "stores/kafka_sink.h"

enum {
    CLOSE_MS = 1000,
    HANGS_MS = 2000 /* an open transaction that holds the offset is on its way to its end until then
                     */
};

/* ---- what all partitions share ---- */

/* The events of the source that have a rule. */
static void list_types(stele_reactor *reactor)
{
    size_t count = 0;
    size_t index;
    const stele_rule *rules = reactor->options.reactions->rules;
    while (rules[count].event != NULL)
        count++;
    reactor->types = stele_alloc_array(count + 1, sizeof *reactor->types);
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (stele_aggregate_find_event(reactor->source, rules[i].event, &index))
            reactor->types[at++] = rules[i].event;
}

static void list_targets(stele_reactor *reactor)
{
    const stele_aggregate *const *targets = reactor->options.reactions->targets;
    reactor->target_count = stele_aggregates_count(targets);
    reactor->commands = stele_alloc_array(reactor->target_count + 1, sizeof *reactor->commands);
    for (size_t i = 0; i < reactor->target_count; i++) {
        reactor->commands[i] = stele_commands_topic(targets[i]->name);
        reactor->schema_count += stele_aggregate_command_count(targets[i]);
    }
    reactor->partitions = stele_alloc_array(reactor->target_count, sizeof(int32_t));
    reactor->schemas = stele_alloc_array(reactor->schema_count, sizeof(int32_t));
}

stele_status stele_reactor_open(const stele_reactor_options *options, stele_reactor **out,
                                stele_error *err)
{
    stele_rules *rules;
    stele_status status = stele_rules_new(options->reactions, &rules, err);
    if (status < 0) return status;
    stele_reactor *made = stele_alloc(sizeof *made);
    made->options = *options;
    made->rules = rules;
    made->source = options->reactions->sources[options->source];
    made->group = stele_reactions_group(options->reactions->name, made->source->name);
    made->topic = stele_events_topic(made->source->name);
    list_types(made);
    list_targets(made);
    stele_decoder_new(&(stele_decoder_options){.registry = options->registry,
                                               .types = made->types,
                                               .upcasters = made->source->upcasters},
                      &made->decoder);
    *out = made;
    return STELE_OK;
}

void stele_reactor_close(stele_reactor *reactor)
{
    if (reactor == NULL) return;
    stele_decoder_free(reactor->decoder);
    stele_rules_free(reactor->rules);
    stele_buffer_clear(&reactor->value);
    stele_buffer_clear(&reactor->text);
    for (size_t i = 0; i < reactor->target_count; i++)
        free(reactor->commands[i]);
    free(reactor->commands);
    free(reactor->types);
    free(reactor->partitions);
    free(reactor->schemas);
    free(reactor->targets);
    free(reactor->group);
    free(reactor->topic);
    free(reactor);
}

const char *stele_reactor_group(const stele_reactor *reactor)
{
    return reactor->group;
}

const char *stele_reactor_topic(const stele_reactor *reactor)
{
    return reactor->topic;
}

/* ---- beginning ---- */

static stele_status open_task(void *reactor, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    (void)err;
    stele_reactor *of = reactor;
    reactor_task *task = stele_alloc(sizeof *task);
    task->base.ops = &stele_reactor_tasks;
    task->of = of;
    task->worker = worker;
    task->source = (stele_partition){of->topic, source.index};
    task->position = -1;
    *out = &task->base;
    return STELE_OK;
}

/* @locality the writer's thread; not after it was asked to end */
static void on_outcome(void *context)
{
    stele_worker_wake(((reactor_task *)context)->worker);
}

static stele_status open_fence(reactor_task *self, stele_error *err)
{
    const stele_reactor *of = self->of;
    STELE_AUTO(char)
    id = stele_transactional_id(of->group, self->source.topic, self->source.index);
    const stele_fenced_options options = {.transactional_id = id,
                                          .group = of->group,
                                          .topic = of->commands[0],
                                          .others = (const char *const *)of->commands + 1,
                                          .batch_max = of->batch_max,
                                          .timeout_ms = of->options.transaction_timeout_ms,
                                          .wake = on_outcome,
                                          .context = self};
    return stele_fenced_open(stele_worker_log(self->worker), &options, &self->fenced, err);
}

static stele_status fence(reactor_task *self, stele_error *err)
{
    stele_status status;
    stele_error failure = {0};
    if (self->fenced == NULL && (status = open_fence(self, err)) < 0) return status;
    switch (stele_fenced_poll(self->fenced, &failure)) {
    case STELE_FENCED_INIT:
        if (failure.status == STELE_OK) return stele_task_not_yet(err);
        *err = failure;
        err->next = STELE_NEXT_RETRY;
        return failure.status;
    case STELE_FENCED_DEAD:
        return stele_kafka_sink_fail_dead(&failure, err);
    case STELE_FENCED_READY:
    case STELE_FENCED_BUSY:
        break;
    }
    return STELE_OK;
}

/* What holds the offset was told to no one as committed: an abort of our own ends it. */
static stele_status mend(reactor_task *self, stele_error *err)
{
    stele_outcome outcome;
    if (self->is_mending) {
        if (!stele_fenced_outcome(self->fenced, 0, 0, &outcome)) return stele_task_not_yet(err);
        stele_transaction_free(outcome.transaction);
        self->is_mending = false;
        self->hangs_ns = 0;
        if (outcome.status == STELE_OK) return stele_task_not_yet(err);
        return stele_kafka_sink_fail_dead(&outcome.error, err);
    }
    stele_log_group *group = stele_log_member_group(stele_worker_member(self->worker));
    if (group == NULL) return stele_task_not_yet(err);
    stele_transaction *made = stele_transaction_new();
    stele_transaction_offset(made, group, self->source, 0);
    stele_transaction_abort(made);
    stele_status status = stele_fenced_submit(self->fenced, 0, made, err);
    if (status < 0) {
        stele_transaction_free(made);
        return status == STELE_E_FULL ? stele_task_not_yet(err) : status;
    }
    self->is_mending = true;
    return stele_task_not_yet(err);
}

static stele_status look_for_begin(reactor_task *self, reactor_beginning *out, stele_error *err)
{
    if (self->is_mending) return mend(self, err);
    stele_status status = reactor_ask_begin(self, out, err);
    if (status != STELE_E_CONFLICT) return status;
    int64_t now_ns = stele_worker_now_ns(self->worker);
    if (self->hangs_ns == 0) self->hangs_ns = now_ns;
    if (now_ns < self->hangs_ns + (int64_t)HANGS_MS * 1000000) return status;
    return mend(self, err);
}

static stele_status fail_hole(const reactor_task *self, const reactor_beginning *at,
                              stele_error *err)
{
    const char *group = self->of->group;
    const char *topic = self->source.topic;
    int index = (int)self->source.index;
    if (at->offset < 0)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d begins at %" PRId64 ", and %s has no offset there: the first "
                          "events are gone. To begin with what is there, set the group's offset",
                          topic, index, at->start, group);
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d has the events from %" PRId64 " to %" PRId64
                      ", and %s goes on at %" PRId64
                      ": what is between was deleted, or the topic was made anew. To go on with "
                      "what is there, set the group's offset",
                      topic, index, at->start, at->end, group, at->offset);
}

static stele_status prepare_task(stele_task *base, int64_t *start, stele_error *err)
{
    reactor_task *self = (reactor_task *)base;
    reactor_beginning at;
    stele_status status = reactor_ask_targets(self, err);
    if (status == STELE_OK) status = fence(self, err);
    if (status == STELE_OK) status = look_for_begin(self, &at, err);
    if (status < 0) return status;
    int64_t from = at.offset < 0 ? 0 : at.offset;
    if (from < at.start || from > at.end) return fail_hole(self, &at, err);
    self->position = self->committed_next = self->proven = from;
    self->sent_offset = -1;
    self->offset = at.offset;
    if (at.first[0] != '\0') reactor_name_sender(self, at.first);
    *start = from;
    return STELE_OK;
}

/* ---- at work, and the end ---- */

static stele_status take_batch(stele_task *base, const stele_batch *batch, stele_error *err)
{
    return reactor_take((reactor_task *)base, batch, err);
}

static stele_status tick_task(stele_task *base, stele_error *err)
{
    return reactor_go_on((reactor_task *)base, false, err);
}

static stele_status drain_task(stele_task *base, stele_error *err)
{
    reactor_task *self = (reactor_task *)base;
    stele_status status = reactor_go_on(self, true, err);
    if (status < 0) return status;
    return reactor_is_done(self) ? STELE_OK : stele_task_not_yet(err);
}

static void end_task(stele_task *base, bool lost)
{
    reactor_task *self = (reactor_task *)base;
    (void)lost; /* either way, what is open is aborted */
    reactor_forget_questions(self);
    stele_fenced_end(self->fenced, CLOSE_MS);
}

static void close_task(stele_task *base, stele_deadline by)
{
    reactor_task *self = (reactor_task *)base;
    reactor_forget_questions(self);
    stele_fenced_close(self->fenced, stele_deadline_remaining_ms(by, CLOSE_MS));
    stele_transaction_free(self->built);
    free(self->places);
    free(self->sender);
    free(self);
}

static stele_progress progress_of(const stele_task *base)
{
    const reactor_task *self = (const reactor_task *)base;
    return (stele_progress){.position = self->position, .applied = self->applied};
}

const stele_task_ops stele_reactor_tasks = {
    .open = open_task,
    .prepare = prepare_task,
    .take = take_batch,
    .tick = tick_task,
    .drain = drain_task,
    .end = end_task,
    .close = close_task,
    .progress = progress_of,
};
