/* SPDX-License-Identifier: MIT
 * The tasks of an owner: the fold's, with serving on top. */
#include "aggregates/ownership.h"

#include "aggregates/aggregate.h"
#include "aggregates/commands_topic.h"
#include "aggregates/ownership_inside.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"

/* ---- what all partitions share ---- */

static void prepare_commands(stele_ownership *of)
{
    const stele_aggregate *aggregate = of->options.aggregate;
    size_t count = stele_aggregate_command_count(aggregate);
    of->commands_topic = stele_commands_topic(aggregate->name);
    of->dead_topic = stele_commands_dead_topic(aggregate->name);
    of->command_types = stele_alloc_array(count + 1, sizeof *of->command_types);
    for (size_t i = 0; i < count; i++)
        of->command_types[i] = aggregate->commands[i].type;
}

stele_status stele_ownership_new(const stele_ownership_options *options, stele_ownership **out,
                                 stele_error *err)
{
    stele_decider *decider;
    stele_status status = stele_decider_new(options->aggregate, &decider, err);
    if (status < 0) return status;
    stele_ownership *made = stele_alloc(sizeof *made);
    made->options = *options;
    made->decider = decider;
    made->topic = stele_events_topic(options->aggregate->name);
    made->limits = stele_remembered_limits_of(options->aggregate);
    made->state = stele_alloc(options->aggregate->state->layout->size);
    made->schemas =
        stele_alloc_array(stele_aggregate_event_count(options->aggregate), sizeof(int32_t));
    stele_uuid_source_init(&made->ids, stele_registry_runtime(options->registry));
    if (options->takes_commands) prepare_commands(made);
    *out = made;
    return STELE_OK;
}

void stele_ownership_free(stele_ownership *ownership)
{
    if (ownership == NULL) return;
    stele_decider_free(ownership->decider);
    free(ownership->command_types);
    free(ownership->commands_topic);
    free(ownership->dead_topic);
    stele_buffer_clear(&ownership->value);
    stele_buffer_clear(&ownership->key);
    free(ownership->schemas);
    free(ownership->terms);
    free(ownership->given);
    free(ownership->state);
    free(ownership->topic);
    free(ownership);
}

static stele_status register_events(stele_ownership *of, int timeout_ms, stele_error *err)
{
    const stele_type *const *events = of->options.aggregate->events;
    for (size_t i = 0; events[i] != NULL; i++) {
        STELE_AUTO(char) subject = stele_registry_subject(of->topic, events[i]->name);
        stele_status status =
            stele_registry_register(of->options.registry, subject, stele_text(events[i]->schema),
                                    NULL, 0, timeout_ms, &of->schemas[i], err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

stele_status stele_ownership_ensure(void *ownership, stele_log *log, int timeout_ms,
                                    stele_error *err)
{
    stele_ownership *of = ownership;
    stele_status status = stele_owners_ensure(log, of->topic, timeout_ms, err);
    if (status == STELE_OK && of->commands_topic != NULL)
        status = stele_commands_dead_ensure(log, of->options.aggregate->name, timeout_ms, err);
    if (status < 0 || of->is_registered) return status;
    status = register_events(of, timeout_ms, err);
    of->is_registered = status == STELE_OK;
    return status;
}

/* ---- beginning ---- */

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    stele_ownership *of = self;
    stele_task *fold;
    stele_status status = stele_fold_tasks.open(of->options.fold, worker, source, &fold, err);
    if (status < 0) return status;
    owner_task *task = stele_alloc(sizeof *task);
    task->base.ops = &stele_owner_tasks;
    task->of = of;
    task->worker = worker;
    task->source = (stele_partition){of->topic, source.index};
    task->fold = fold;
    task->desk = of->options.desk(of->options.context, source.index);
    task->overlay = stele_overlay_new(of->options.aggregate->state,
                                      stele_registry_runtime(of->options.registry));
    uint64_t seed;
    stele_random_bytes(stele_registry_runtime(of->options.registry), &seed, sizeof seed);
    task->named = stele_table_new(sizeof(unit *), seed);
    task->again = stele_deadline_after(stele_worker_clock(worker), 0);
    task->earliest_ns = INT64_MAX;
    owner_inbox_init(task);
    stele_desk_set_state(task->desk, STELE_DESK_TAKING);
    *out = &task->base;
    return STELE_OK;
}

static stele_status prepare_task(stele_task *base, int64_t *start, stele_error *err)
{
    owner_task *self = (owner_task *)base;
    stele_status status = self->fold->ops->prepare(self->fold, start, err);
    if (status < 0) return status;
    self->fenced = stele_fold_fenced(self->fold);
    self->states = stele_fold_states(self->fold);
    return STELE_OK;
}

static void copy_text(char to[STELE_OWNER_TEXT_MAX + 1], const char *from)
{
    size_t size = strnlen(from, STELE_OWNER_TEXT_MAX);
    memcpy(to, from, size);
    to[size] = '\0';
}

/* The owner's first transaction says who it is; so does the first one after an abort, and
 * one that has nothing else to say. */
static void say_so(owner_task *self)
{
    batch *to = owner_building(self);
    if (to->count > 0) return; /* in the next one */
    stele_owner owner = {.term = self->term, .time_ms = self->began_ms};
    copy_text(owner.instance, self->of->options.instance);
    copy_text(owner.address, self->of->options.address);
    STELE_AUTO(char) key = stele_owner_key(self->source.topic, self->source.index);
    stele_buffer *value = &self->of->value;
    stele_buffer_reset(value);
    stele_owner_write(&owner, value);
    stele_transaction_put(to->transaction, (stele_partition){STELE_OWNERS_TOPIC, 0},
                          stele_text(key), stele_buffer_view(value), NULL, 0);
    to->has_record = true;
    self->has_said_so = true;
}

/* All that was there at the fence is to be applied before anything is decided. */
static stele_status begin_to_serve(owner_task *self, stele_error *err)
{
    bool waits = !STELE_BUG("serves before it is current");
    stele_status status = waits ? owner_learn_term(self, err) : STELE_OK;
    if (status < 0) return status;
    if (waits && !stele_fold_is_current(self->fold)) return STELE_OK; /* it shows as behind */
    if ((status = owner_inbox_begin(self, err)) < 0) return status;
    owner_timers_begin(self);
    self->serves = true;
    self->began_ms = stele_clock_now_ms(stele_worker_clock(self->worker));
    owner_say(self, "serves");
    stele_desk_set_state(self->desk, STELE_DESK_SERVING);
    return STELE_OK;
}

/* ---- at work ---- */

static void look_at_position(owner_task *self)
{
    if (self->first != NULL) owner_settle(self, stele_fold_position(self->fold));
}

static bool has_last_of(const stele_batch *records, const batch *of)
{
    size_t i = records->count;
    while (i > 0 && records->records[i - 1].offset > of->last_offset)
        i--;
    return i > 0 && records->records[i - 1].offset == of->last_offset;
}

/* Which of its transactions are ended by a commit: those of which the last event is read here, and
 * those before them, which hung where that one was until its end came. */
static void see_events(owner_task *self, const stele_batch *records)
{
    if (!self->serves || records->count == 0) return;
    int64_t end = records->records[records->count - 1].offset + 1;
    if (end > self->seen_end) self->seen_end = end;
    const batch *last = NULL;
    for (const batch *of = self->first; of != NULL && of->state == BATCH_COMMITTED; of = of->next)
        if (has_last_of(records, of)) last = of;
    for (batch *of = self->first; last != NULL && of != last->next; of = of->next)
        of->is_seen = true;
}

static stele_status take_batch(stele_task *base, const stele_batch *records, stele_error *err)
{
    owner_task *self = (owner_task *)base;
    const char *commands = self->inbox.commands.topic;
    if (commands != NULL && strcmp(records->partition.topic, commands) == 0)
        return owner_inbox_take(self, records, err);
    int64_t from = stele_fold_position(self->fold);
    stele_status status = self->fold->ops->take(self->fold, records, err);
    if (strcmp(records->partition.topic, self->source.topic) == 0) {
        see_events(self, records);
        owner_timers_see(self, records, from);
        look_at_position(self);
    }
    return status;
}

static bool is_wait(stele_status status, const stele_error *err)
{
    return status == STELE_OK || err->next == STELE_NEXT_RETRY;
}

/* An owner that slept for longer than its session, and was replaced, may not hear of it for a
 * while. A transaction of it that was committed, and whose end the broker has lost, was aborted
 * then by whoever has replaced it: all that comes behind it is read, and it is not. */
static stele_status check_replaced(const owner_task *self, stele_error *err)
{
    const batch *of = self->first;
    if (of == NULL || of->state != BATCH_COMMITTED || owner_is_sure_of(of) ||
        stele_fold_position(self->fold) <= of->last_offset)
        return STELE_OK;
    return stele_fail(err, STELE_E_FENCED, STELE_NEXT_STOP,
                      "%s/%d: another instance owns it by now", self->source.topic,
                      (int)self->source.index);
}

static stele_status work(owner_task *self, stele_error *err)
{
    stele_status status = owner_collect(self, err);
    if (status < 0) return status;
    look_at_position(self); /* what came before its commit was answered */
    if ((status = check_replaced(self, err)) < 0) return status;
    owner_expire(self);
    if (!self->serves && (status = begin_to_serve(self, err)) < 0) return status;
    if (!self->serves) return STELE_OK;
    if (!self->has_said_so) say_so(self);
    stele_error waits;
    stele_status commands = owner_inbox_tick(self, &waits);
    if (!is_wait(commands, &waits)) {
        *err = waits;
        return commands;
    }
    owner_timers_fire(self);
    if (owner_serve(self) && (status = owner_submit(self, err)) < 0) return status;
    if ((status = owner_complain(self, err)) < 0 || commands == STELE_OK) return status;
    *err = waits;
    return commands;
}

/* Why calls are not served comes before why snapshots are not written. */
static stele_status tick_task(stele_task *base, stele_error *err)
{
    owner_task *self = (owner_task *)base;
    stele_error of_fold;
    stele_status status = self->fold->ops->tick(self->fold, &of_fold);
    if (is_wait(status, &of_fold)) {
        stele_status own = work(self, err);
        if (own < 0) return own;
    }
    if (status < 0) *err = of_fold;
    return status;
}

/* ---- the end ---- */

/* Whoever commits one more transaction was the owner when readers were past the one before. */
static void make_sure_of(owner_task *self, int64_t position)
{
    batch *of = self->first;
    if (of == NULL || of->state != BATCH_COMMITTED || of->last_offset >= position) return;
    of->is_passed = true;
    if (self->last->state == BATCH_COMMITTED) say_so(self); /* else what is last does so */
}

/* Nothing is read any more, so the broker is asked what is visible. */
static stele_status finish_units(owner_task *self, stele_error *err)
{
    stele_status status;
    owner_return_loads(self);
    if ((status = owner_collect(self, err)) < 0) return status;
    if (self->first != NULL && self->first->state == BATCH_COMMITTED) {
        int64_t position;
        if ((status = owner_ask_visible(self, &position, err)) < 0) return status;
        owner_settle(self, position);
        make_sure_of(self, position);
    }
    owner_inbox_stop(self); /* what waits is the next owner's */
    if ((status = owner_submit(self, err)) < 0) return status;
    return self->first == NULL ? STELE_OK : stele_task_not_yet(err);
}

static stele_status drain_task(stele_task *base, stele_error *err)
{
    owner_task *self = (owner_task *)base;
    stele_status status = finish_units(self, err);
    if (status < 0) return status;
    return self->fold->ops->drain(self->fold, err);
}

static void end_task(stele_task *base, bool lost)
{
    owner_task *self = (owner_task *)base;
    stele_desk_set_state(self->desk, STELE_DESK_ELSEWHERE);
    owner_give_back(self, true);
    owner_inbox_stop(self);
    self->serves = false;
    self->fold->ops->end(self->fold, lost);
}

static void close_task(stele_task *base, stele_deadline by)
{
    owner_task *self = (owner_task *)base;
    owner_forget_questions(self);
    owner_inbox_clear(self);
    self->fold->ops->close(self->fold, by);
    stele_overlay_free(self->overlay);
    stele_table_free(self->named);
    stele_timers_free(self->timers);
    free(self);
}

static stele_progress progress_of(const stele_task *base)
{
    const owner_task *self = (const owner_task *)base;
    return self->fold->ops->progress(self->fold);
}

static void turn(void *self, stele_worker *worker)
{
    const stele_ownership *of = self;
    of->options.turn(of->options.context, worker);
}

const stele_task_ops stele_owner_tasks = {
    .open = open_task,
    .prepare = prepare_task,
    .take = take_batch,
    .tick = tick_task,
    .drain = drain_task,
    .end = end_task,
    .close = close_task,
    .progress = progress_of,
    .turn = turn,
};
