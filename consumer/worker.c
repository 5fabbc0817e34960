/* SPDX-License-Identifier: MIT
 * The worker's turn: connecting, the group, the partition count, the reader, batches. */
#include "consumer/worker.h"

#include <assert.h>
#include <limits.h>

#include "consumer/report.h"
#include "consumer/slot.h"
#include "consumer/source.h"
#include "consumer/watch.h"
#include "core/bug.h"
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/retire.h"

enum {
    STALL_TIMEOUT_MS = 30000,
    DRAIN_TIMEOUT_MS = 10000,
    SESSION_TIMEOUT_MS = 6000,
    COMPLAIN_MS = 10000, /* how often a wait is logged */
    LEAVE_MS = 3000,     /* leaving the group */
    GIVE_MS = 2000,      /* draining what is given away */
    DRAIN_LOOK_MS = 100, /* and whenever something comes */
    TURN_MS = 100,       /* a turn lasts no longer while something goes on, … */
    AT_REST_MS = 6000, /* … or went on so recently that tasks may still look at a clock for it; */
    REST_MS = 2000,    /* else no longer than this, if no one wakes the worker */
    MEMORY_MAX = 256 << 20
};

/* A member of the group, and whether it still speaks for the worker. */
typedef struct membership {
    stele_log_member *member;
    stele_worker *worker; /* NULL: it was left, and what it says is about nothing any more */
} membership;

struct stele_worker {
    slot_host host;
    char *name;
    char *topic;
    char *instance;
    stele_worker_options options; /* its texts are the three above */
    atomic_bool never;            /* the stop flag of a worker that no one runs */
    stele_monitor bell;
    bool rung;             /* under the monitor: something came for a task */
    atomic_bool is_called; /* something came for a task, and it may look at clocks for it */
    int64_t busy_ns;       /* when something went on last */
    stele_registry_listener listener;
    atomic_bool schemas_came; /* that one may wait for */

    membership *membership;    /* owned; NULL until the topic is there, and after it was left */
    stele_retirement replaced; /* members that were left, readers */
    bool is_refused;           /* the group does not let it in */
    int64_t refused_ns;        /* … since then */
    report told;

    source source;           /* asked for its partition count */
    int32_t partition_count; /* -1 until the topic was seen */
    bool count_unconfirmed;  /* partitions were assigned since it was compared */
    int64_t complained_ns;   /* INT64_MIN: never */
    stele_error stop_reason; /* all partitions are stopped, also those that come; or STELE_OK */

    slot **slots; /* by partition; they do not move */
    int32_t slot_count;
};

static int64_t now_of(const stele_worker *worker)
{
    return stele_clock_monotonic_ns(stele_log_clock(worker->host.log));
}

static slot *slot_at(const stele_worker *worker, int32_t partition)
{
    if (partition < 0 || partition >= worker->slot_count) return NULL;
    return worker->slots[partition];
}

/* Whoever wakes the worker wakes its reader. */
static void ring(stele_worker *worker)
{
    stele_monitor_lock(&worker->bell);
    worker->rung = true;
    stele_monitor_wake(&worker->bell);
    if (worker->host.reader != NULL) stele_log_reader_wake(worker->host.reader);
    stele_monitor_unlock(&worker->bell);
}

/* An answer is there, also one that a worker at rest has asked for.
 * @locality any thread */
static void hear_answer(void *worker)
{
    ring(worker);
}

/* @locality likewise */
static void hear_of_schemas(void *context)
{
    stele_worker *worker = context;
    atomic_store(&worker->schemas_came, true);
    stele_worker_wake(worker);
}

static int or_default(int value, int fallback)
{
    return value == 0 ? fallback : value;
}

stele_status stele_worker_open(stele_log *log, const stele_worker_options *options,
                               stele_worker **out, stele_error *err)
{
    (void)err; /* what can fail asks the broker, and comes in a step */
    stele_worker *worker = stele_alloc(sizeof *worker);
    worker->options = *options;
    worker->options.name = worker->name = stele_strdup(options->name);
    worker->options.topic = worker->topic = stele_strdup(options->topic);
    worker->options.instance = worker->instance =
        stele_strdup(options->instance == NULL ? "stele" : options->instance);
    worker->options.address = NULL; /* the board has it */
    worker->options.stall_timeout_ms = or_default(options->stall_timeout_ms, STALL_TIMEOUT_MS);
    worker->options.drain_timeout_ms = or_default(options->drain_timeout_ms, DRAIN_TIMEOUT_MS);
    worker->options.session_timeout_ms =
        or_default(options->session_timeout_ms, SESSION_TIMEOUT_MS);
    worker->partition_count = -1;
    worker->complained_ns = INT64_MIN;
    stele_monitor_init(&worker->bell, stele_log_runtime(log));
    worker->host = (slot_host){.worker = worker,
                               .log = log,
                               .name = worker->name,
                               .topic = worker->topic,
                               .stall_timeout_ms = worker->options.stall_timeout_ms,
                               .logger = options->logger,
                               .tasks = options->ops,
                               .self = options->self,
                               .within_ms = INT_MAX,
                               .stop = &worker->never};
    worker->host.asker = stele_asker_open(log, hear_answer, worker);
    source_init(&worker->source, worker->host.asker, worker->topic);
    if (!options->no_status) {
        worker->host.board = stele_status_board_open(
            log,
            &(stele_status_board_options){.name = worker->name,
                                          .topic = worker->topic,
                                          .instance = worker->instance,
                                          .address = options->address,
                                          .sources = options->sources,
                                          .stall_timeout_ms = worker->options.stall_timeout_ms});
    }
    worker->listener = (stele_registry_listener){.news = hear_of_schemas, .context = worker};
    if (options->registry != NULL) stele_registry_listen(options->registry, &worker->listener);
    *out = worker;
    return STELE_OK;
}

/* ---- waiting ---- */

void stele_worker_wake(stele_worker *worker)
{
    atomic_store(&worker->is_called, true);
    ring(worker);
}

void stele_worker_call_again(stele_worker *worker)
{
    worker->host.at_once = true;
}

void stele_worker_call_within(stele_worker *worker, int64_t ms)
{
    if (ms < worker->host.within_ms) worker->host.within_ms = ms < 0 ? 0 : (int)ms;
}

static void set_reader(stele_worker *worker, stele_log_reader *reader)
{
    stele_monitor_lock(&worker->bell);
    worker->host.reader = reader;
    stele_monitor_unlock(&worker->bell);
}

void stele_worker_rest(stele_worker *worker, int timeout_ms)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(worker->host.log), timeout_ms);
    stele_monitor_lock(&worker->bell);
    while (!worker->rung && stele_monitor_wait(&worker->bell, until)) {
    }
    worker->rung = false;
    stele_monitor_unlock(&worker->bell);
}

/* ---- draining and releasing ---- */

/* Drain the partitions that are marked, in turns, until all are done or the time is up. What is
 * lost is not drained: it is a fact for whoever checks that. */
static void drain(stele_worker *worker, bool lost)
{
    stele_probe(stele_log_runtime(worker->host.log), &(stele_fact){.what = "draining",
                                                                   .subject = worker->name,
                                                                   .topic = worker->topic,
                                                                   .value = lost});
    int drain_ms = worker->options.drain_timeout_ms > 0 ? worker->options.drain_timeout_ms : 0;
    stele_deadline deadline = stele_deadline_after(stele_log_clock(worker->host.log), drain_ms);
    bool left = true;
    while (left && !stele_deadline_passed(deadline)) {
        left = false;
        for (int32_t i = 0; i < worker->slot_count; i++) {
            slot *each = worker->slots[i];
            if (each->draining && each->phase == SLOT_RUNNING) slot_drain(&worker->host, each);
            left = left || (each->draining && each->phase == SLOT_RUNNING);
        }
        if (left && !worker->host.at_once)
            stele_worker_rest(worker, stele_deadline_remaining_ms(deadline, DRAIN_LOOK_MS));
        worker->host.at_once = false;
    }
}

/* Once for all that ended in a part of the turn. */
static void await_closed(stele_worker *worker)
{
    slots_await_closed(&worker->host, worker->slots, (size_t)worker->slot_count);
}

static void release(stele_worker *worker, slot *const *slots, size_t count, bool lost)
{
    /* A worker that ends has said so, or why: that line is not to be deleted before the board has
     * published it. */
    for (size_t i = 0; i < count; i++)
        slots[i]->keeps_line = worker->host.stopping && (!lost || slots[i]->phase == SLOT_STOPPED);
    slots_release(&worker->host, slots, count, lost);
    for (size_t i = 0; i < count; i++)
        report_gone(&worker->told, &worker->host, slots[i]);
}

/* ---- the group ---- */

static slot *make_slot(stele_worker *worker, int32_t index)
{
    assert(index >= 0);
    if (index >= worker->slot_count) {
        worker->slots = stele_realloc_array(worker->slots, (size_t)index + 1, sizeof(slot *));
        for (; worker->slot_count <= index; worker->slot_count++) {
            worker->slots[worker->slot_count] = stele_alloc(sizeof(slot));
            worker->slots[worker->slot_count]->index = worker->slot_count;
        }
    }
    return worker->slots[index];
}

static bool is_served(const slot *self)
{
    return (self->phase == SLOT_PREPARING || self->phase == SLOT_RUNNING) && !self->is_given;
}

/* @return NULL: it was left */
static stele_worker *worker_of(const membership *heard)
{
    assert(heard->worker == NULL || heard->worker->membership == heard);
    return heard->worker;
}

/* @locality the worker's thread, within a poll of the member */
static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    stele_worker *worker = worker_of(context);
    if (worker == NULL) return;
    worker->count_unconfirmed = true;
    for (size_t i = 0; i < count; i++) {
        slot *each = make_slot(worker, partitions[i].index);
        assert(!each->is_assigned);
        each->is_assigned = true;
        if (each->is_kept && is_served(each))
            slot_confirm(each);
        else
            slot_assign(&worker->host, each);
        if (worker->stop_reason.status < 0) slot_stop(&worker->host, each, &worker->stop_reason);
    }
}

/* Once for all of them, for whoever wonders where they went. */
static void log_given_away(const stele_worker *worker, size_t count)
{
    size_t left = 0;
    for (int32_t i = 0; i < worker->slot_count; i++)
        left += worker->slots[i]->phase != SLOT_FREE;
    stele_logger_write(worker->options.logger, STELE_LOGGER_INFO, "partitions given away",
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_int("count", (int64_t)count),
                                           stele_logger_int("left", (int64_t)left)));
}

/* Whoever is to have it asks for it. */
static bool keeps(const stele_worker *worker, const slot *self, bool lost)
{
    return worker->options.keeps_revoked && !lost && self->phase == SLOT_RUNNING &&
           !self->is_given && !worker->host.stopping;
}

/* @locality as on_assigned; of a member that was left, the thread that closes it */
static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    stele_worker *worker = worker_of(context);
    if (worker == NULL) return;
    bool was_lost = lost;
    if (STELE_BUG("commit in a late revoke")) lost = false;
    slot **slots = stele_alloc_array(count + 1, sizeof(slot *));
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        slot *each = slot_at(worker, partitions[i].index);
        if (each != NULL) each->is_assigned = false;
        if (each == NULL || each->phase == SLOT_FREE) continue;
        if (keeps(worker, each, lost)) {
            each->is_kept = true;
            continue;
        }
        slots[found++] = each;
        if (!lost && each->phase == SLOT_RUNNING && !worker->host.stopping) each->draining = true;
    }
    if (!lost) drain(worker, was_lost);
    release(worker, slots, found, lost);
    if (found > 0 && !lost && !worker->host.stopping) log_given_away(worker, found);
    free(slots);
}

static stele_status join_group(stele_worker *worker, stele_error *err)
{
    assert(worker->membership == NULL && worker->host.reader != NULL);
    const char *const topics[] = {worker->topic, NULL};
    membership *made = stele_alloc(sizeof *made);
    made->worker = worker;
    stele_log_member_options options = {
        .group = worker->name,
        .topics = topics,
        .eager = worker->options.eager,
        .session_timeout_ms = worker->options.session_timeout_ms,
        .client = worker->instance,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = made}};
    stele_status status = stele_log_member_open(worker->host.log, &options, &made->member, err);
    if (status < 0) {
        free(made);
        return status;
    }
    worker->membership = made;
    stele_log_member_wakes(made->member, worker->host.reader);
    return STELE_OK;
}

/* @locality a thread of its own */
static void close_membership(void *of)
{
    membership *left = of;
    stele_log_member_close(left->member, LEAVE_MS);
    free(left);
}

/* @locality likewise */
static void close_reader(void *reader)
{
    stele_log_reader_close(reader);
}

/* A client of a broker that does not answer takes seconds to close, in which the worker's thread
 * would serve no one. */
static void retire(stele_worker *worker, void (*close)(void *what), void *what)
{
    if (!stele_retire(&worker->replaced, stele_log_runtime(worker->host.log), close, what))
        close(what);
}

/* All that is ours is given away, or lost, while we are a member as far as we know; the group hears
 * of it behind our back. */
static void leave_group(stele_worker *worker, bool died)
{
    assert(worker->membership != NULL);
    slot **slots = stele_alloc_array((size_t)worker->slot_count + 1, sizeof(slot *));
    size_t count = 0;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        each->is_assigned = false;
        if (each->phase == SLOT_FREE) continue;
        slots[count++] = each;
        if (!died && !worker->host.stopping) each->draining = each->phase == SLOT_RUNNING;
    }
    if (!died && !worker->host.stopping) drain(worker, false);
    release(worker, slots, count, died);
    free(slots);

    membership *left = worker->membership;
    worker->membership = NULL;
    if (!STELE_BUG("a member that was left is heard")) left->worker = NULL;
    stele_log_member_wakes(left->member, NULL);
    retire(worker, close_membership, left);
}

static void complain(stele_worker *worker, const char *message, const stele_error *why)
{
    int64_t now_ns = now_of(worker);
    if (worker->complained_ns != INT64_MIN && now_ns < after_ms(worker->complained_ns, COMPLAIN_MS))
        return;
    worker->complained_ns = now_ns;
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN, message,
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_text("reason", why->text)));
}

/*
 * A partition that was fenced is somebody else's, and the group is about to say so; or its
 * transaction outlived the broker's patience (an outage does that), and then it is ours as before.
 * A member that is alive for a whole session after the fence, with its partition, is the owner as
 * the group sees it: it fences in turn. Where that does not last, somebody else holds the id
 * without the group: leave, and rejoin with a new member id. What the group has not assigned is
 * somebody else's for sure.
 */
static void take_back_fenced(stele_worker *worker, bool *leave)
{
    int64_t now_ns = now_of(worker);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->phase == SLOT_FENCED && each->is_kept) {
            release(worker, &each, 1, true);
            continue;
        }
        if (each->phase != SLOT_FENCED ||
            now_ns < after_ms(each->fenced_ns, worker->options.session_timeout_ms))
            continue;
        *leave = *leave || each->fenced_before;
        each->fenced_before = true;
        slot_reopen(&worker->host, each);
    }
}

/* Not let into the group: it owns nothing, so that no partition of its own could say why. */
static void hear_problem(stele_worker *worker)
{
    stele_error problem;
    bool is_refused = stele_log_member_problem(worker->membership->member, &problem) < 0;
    if (is_refused) complain(worker, "not in the group", &problem);
    if (!is_refused && !worker->is_refused) return;
    int64_t now_ns = now_of(worker);
    if (!worker->is_refused) worker->refused_ns = now_ns;
    worker->is_refused = is_refused;
    bool too_long = now_ns >= after_ms(worker->refused_ns, worker->options.stall_timeout_ms);
    for (int32_t i = 0; i < worker->partition_count; i++) {
        const slot *own = slot_at(worker, i);
        if (own != NULL && own->phase != SLOT_FREE) continue;
        if (is_refused)
            stele_status_board_refused(worker->host.board, i,
                                       too_long ? STELE_STATE_STALLED : STELE_STATE_WAITING,
                                       problem.text);
        else
            stele_status_board_drop(worker->host.board, i);
    }
}

static void serve_group(stele_worker *worker)
{
    stele_error failure;
    bool leave = false;
    if (stele_log_member_poll(worker->membership->member, 0, &failure) < 0) {
        if (failure.next == STELE_NEXT_RETRY) return;
        complain(worker, "group member is dead, joining again", &failure);
        leave_group(worker, true);
        return;
    }
    hear_problem(worker);
    take_back_fenced(worker, &leave);
    if (!leave) return;
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN,
                       "fenced by another owner, joining again",
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name)));
    leave_group(worker, false);
}

/* ---- without the group ---- */

bool stele_worker_take(stele_worker *worker, int32_t partition)
{
    if (worker->membership == NULL || partition >= worker->partition_count) return false;
    slot *of = make_slot(worker, partition);
    if (of->phase != SLOT_FREE && of->phase != SLOT_FENCED) return false;
    slot_assign(&worker->host, of);
    of->is_kept = !of->is_assigned;
    worker->host.at_once = true;
    return true;
}

void stele_worker_give(stele_worker *worker, int32_t partition)
{
    slot *of = slot_at(worker, partition);
    if (of == NULL || !is_served(of)) return;
    of->is_given = true;
    of->given_ns = now_of(worker);
    worker->host.at_once = true;
}

/* @return it is drained, or was not prepared yet: then it is no longer ours */
static bool give_away(stele_worker *worker, slot *of)
{
    assert(of->phase != SLOT_FREE);
    bool is_late = now_of(worker) >= after_ms(of->given_ns, GIVE_MS);
    of->draining = of->phase == SLOT_RUNNING && !is_late;
    if (of->draining) slot_drain(&worker->host, of);
    return !of->draining;
}

/* What was given away, and is still assigned after a whole session, is asked for again. */
static void serve_given(stele_worker *worker)
{
    int64_t again_ms = worker->options.session_timeout_ms;
    slot **gone = stele_alloc_array((size_t)worker->slot_count + 1, sizeof(slot *));
    size_t count = 0;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->is_given && give_away(worker, each))
            gone[count++] = each;
        else if (!each->is_given && each->is_assigned && each->phase == SLOT_FREE &&
                 now_of(worker) >= after_ms(each->given_ns, again_ms))
            slot_assign(&worker->host, each);
    }
    if (count > 0) release(worker, gone, count, false);
    free(gone);
}

/* ---- the partition count ---- */

void stele_worker_stop_all(stele_worker *worker, const stele_error *reason)
{
    if (worker->stop_reason.status == STELE_OK) worker->stop_reason = *reason;
}

/* Done by the loop, not by whoever asks: that may be a task. */
static void stop_all(stele_worker *worker)
{
    if (worker->stop_reason.status == STELE_OK) return;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->phase != SLOT_FREE && each->phase != SLOT_STOPPED)
            slot_stop(&worker->host, each, &worker->stop_reason);
    }
}

static void compare_count(stele_worker *worker, int32_t count)
{
    if (count == worker->partition_count || STELE_BUG("partition count is not compared")) return;
    stele_error reason;
    stele_fail(&reason, STELE_E_CONFLICT, STELE_NEXT_STOP,
               "%s had %d partitions and has %d: keys have moved to other partitions, so states "
               "would be split in two; copy its events to a new topic with that many",
               worker->topic, (int)worker->partition_count, (int)count);
    stele_worker_stop_all(worker, &reason);
}

/* Each assignment wants an answer; between them it is asked for when a broker is there. */
static void check_count(stele_worker *worker)
{
    stele_log_topic found;
    stele_error failure;
    bool is_due = worker->count_unconfirmed ||
                  (source_is_old(&worker->source) && stele_log_is_up(worker->host.log));
    if (!source_ask(&worker->source, is_due, &found, &failure)) return;
    if (failure.status < 0) {
        complain(worker, "partition count is not known", &failure);
        return;
    }
    worker->count_unconfirmed = false;
    compare_count(worker, found.partitions);
}

/* ---- the reader ---- */

static stele_status open_reader(stele_worker *worker, stele_log_reader **out, stele_error *err)
{
    assert(worker->partition_count > 0);
    /* It may come to own every partition, and each has a queue of its own. */
    size_t memory =
        worker->options.memory_max == 0 ? (size_t)MEMORY_MAX : worker->options.memory_max;
    stele_log_reader_options options = {.haste = STELE_READER_HASTY_ONCE,
                                        .queue_max = memory / (size_t)worker->partition_count};
    return stele_log_reader_open(worker->host.log, &options, out, err);
}

/* What it restores is read by the reader too. It stays stalled until something comes. */
static void begin_again(stele_worker *worker, slot *self)
{
    stele_error stalled = self->stalled;
    slot_reopen(&worker->host, self);
    self->stalled = stalled;
}

static void read_on(stele_worker *worker, slot *self)
{
    stele_error failure;
    slot_drop_batch(self);
    if (self->phase == SLOT_RUNNING &&
        stele_log_reader_start(worker->host.reader, (stele_partition){worker->topic, self->index},
                               slot_progress(self).position, &failure) < 0)
        slot_stop(&worker->host, self, &failure);
}

/* A reader that gives nothing although there is something is replaced: what it had fetched ahead is
 * read again, from where each task stands. The old one serves until there is another. */
static void replace_reader(stele_worker *worker)
{
    stele_log_reader *opened;
    stele_error failure;
    if (open_reader(worker, &opened, &failure) < 0) {
        complain(worker, "the reader gives nothing and cannot be replaced", &failure);
        return;
    }
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        slot_drop_batch(each);
        if (each->phase == SLOT_PREPARING && each->task != NULL) begin_again(worker, each);
    }
    await_closed(worker); /* while there is the reader that they know */
    stele_log_reader *replaced = worker->host.reader;
    set_reader(worker, opened);
    if (worker->membership != NULL) stele_log_member_wakes(worker->membership->member, opened);
    retire(worker, close_reader, replaced);
    for (int32_t i = 0; i < worker->slot_count; i++)
        read_on(worker, worker->slots[i]);
}

static void watch(stele_worker *worker)
{
    bool replace = false;
    for (int32_t i = 0; i < worker->slot_count; i++)
        replace = watch_slot(&worker->host, worker->slots[i]) || replace;
    if (replace) replace_reader(worker);
}

static void tell(stele_worker *worker)
{
    for (int32_t i = 0; i < worker->slot_count; i++)
        report_slot(&worker->told, &worker->host, worker->slots[i]);
}

/* ---- connecting ---- */

static stele_status begin_with(stele_worker *worker, const stele_log_topic *topic, stele_error *err)
{
    stele_status status = STELE_OK;
    if (worker->partition_count < 0) worker->partition_count = topic->partitions;
    compare_count(worker, topic->partitions);
    if (worker->host.reader == NULL) {
        stele_log_reader *opened = NULL;
        status = open_reader(worker, &opened, err);
        set_reader(worker, opened);
    }
    return status < 0 ? status : join_group(worker, err);
}

/* @return are we in the group? If not, there is nothing to do but to wait. */
static stele_status connect(stele_worker *worker, bool *connected, stele_error *err)
{
    *connected = worker->membership != NULL;
    if (*connected) return STELE_OK;
    stele_log_topic found;
    stele_error failure;
    if (!source_ask(&worker->source, true, &found, &failure)) return STELE_OK;

    stele_status status = failure.status;
    if (status == STELE_OK) status = begin_with(worker, &found, &failure);
    *connected = status == STELE_OK;
    if (status == STELE_OK) return STELE_OK;
    source_pause(&worker->source);
    if (failure.next != STELE_NEXT_RETRY) {
        if (err != NULL) *err = failure;
        return status;
    }
    complain(worker, "waiting for the topic", &failure);
    return STELE_OK;
}

/* ---- the turn ---- */

static stele_status read_batch(stele_worker *worker, int timeout_ms, stele_error *err)
{
    stele_batch batch;
    if (worker->host.reader == NULL) { /* nor is there a member: only time can pass */
        stele_worker_rest(worker, timeout_ms);
        return STELE_OK;
    }
    stele_status status = stele_log_reader_next(worker->host.reader, timeout_ms, &batch, err);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;
    assert(slot_at(worker, batch.partition.index) != NULL);
    if (batch.count > 0) worker->busy_ns = now_of(worker);
    slot_offer(&worker->host, slot_at(worker, batch.partition.index), &batch);
    return STELE_OK;
}

/* Is there nothing under way that only a clock ends? What is due later has said so. */
static bool is_at_rest(stele_worker *worker)
{
    int64_t now_ns = now_of(worker);
    bool is_quiet = worker->membership != NULL && !worker->count_unconfirmed && !worker->is_refused;
    for (int32_t i = 0; is_quiet && i < worker->slot_count; i++)
        is_quiet = slot_is_at_rest(worker->slots[i]);
    if (!is_quiet || worker->host.at_once || atomic_exchange(&worker->is_called, false))
        worker->busy_ns = now_ns;
    return now_ns >= after_ms(worker->busy_ns, AT_REST_MS);
}

/* How long to wait for something to come. */
static int turn_ms(stele_worker *worker, int timeout_ms)
{
    slot_host *host = &worker->host;
    for (int32_t i = 0; i < worker->slot_count; i++)
        stele_worker_call_within(worker, slot_due_in_ms(host, worker->slots[i]));
    int most_ms = host->within_ms < timeout_ms ? host->within_ms : timeout_ms;
    if (!is_at_rest(worker) && most_ms > TURN_MS) most_ms = TURN_MS;
    if (host->at_once) most_ms = 0;
    host->at_once = false;
    host->within_ms = INT_MAX;
    return most_ms;
}

stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err)
{
    slot_host *host = &worker->host;
    stele_error own;
    if (err == NULL) err = &own;
    bool connected;
    stele_status status = connect(worker, &connected, err);
    if (status < 0) return status;
    if (connected) serve_group(worker);
    if (worker->membership != NULL) check_count(worker);

    stop_all(worker);
    await_closed(worker);
    bool schemas_came = atomic_exchange(&worker->schemas_came, false);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (schemas_came) slot_call_now(host, each);
        if (!worker->count_unconfirmed) slot_prepare(host, each);
        if (each->phase == SLOT_RUNNING) slot_offer_again(host, each);
    }
    if ((status = read_batch(worker, turn_ms(worker, timeout_ms), err)) < 0) {
        await_closed(worker);
        return status;
    }
    const stele_task_ops *ops = worker->options.ops;
    if (ops->turn != NULL) ops->turn(worker->options.self, worker);
    for (int32_t i = 0; i < worker->slot_count; i++)
        if (!worker->slots[i]->is_given) slot_tick(host, worker->slots[i]);
    serve_given(worker);
    stop_all(worker);
    watch(worker);
    await_closed(worker);
    tell(worker);
    return STELE_OK;
}

bool stele_worker_is_stopped(const stele_worker *worker)
{
    bool owns = false;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i]->phase == SLOT_FREE) continue;
        if (worker->slots[i]->phase != SLOT_STOPPED) return false;
        owns = true;
    }
    return owns;
}

static stele_status fail_stopped(const stele_worker *worker, stele_error *err)
{
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i]->phase != SLOT_STOPPED) continue;
        return stele_fail(err, STELE_E_STOPPED, STELE_NEXT_STOP,
                          "%s: every partition is stopped: %s", worker->name,
                          worker->slots[i]->ended.text);
    }
    return STELE_OK;
}

/* Write the last snapshots while we are still a member, then leave. */
static void shut_down(stele_worker *worker)
{
    int64_t begun_ns = now_of(worker);
    worker->host.stopping = true;
    for (int32_t i = 0; i < worker->slot_count; i++)
        worker->slots[i]->draining = worker->slots[i]->phase == SLOT_RUNNING;
    tell(worker);
    drain(worker, false);
    size_t cut_off = 0;
    for (int32_t i = 0; i < worker->slot_count; i++)
        cut_off += worker->slots[i]->draining && worker->slots[i]->phase == SLOT_RUNNING;
    leave_group(worker, false);
    stele_retirement_await(&worker->replaced);
    stele_logger_write(worker->options.logger, cut_off == 0 ? STELE_LOGGER_INFO : STELE_LOGGER_WARN,
                       "worker ended",
                       STELE_LOGGER_FIELDS(
                           stele_logger_text("worker", worker->name),
                           stele_logger_int("duration_ms", (now_of(worker) - begun_ns) / 1000000),
                           stele_logger_int("partitions_without_last_snapshot", (int64_t)cut_off)));
}

stele_status stele_worker_run(stele_worker *worker, const atomic_bool *stop, stele_error *err)
{
    stele_status status = STELE_OK;
    worker->host.stop = stop;
    while (status == STELE_OK && !atomic_load(stop)) {
        status = stele_worker_step(worker, REST_MS, err);
        if (status == STELE_OK && stele_worker_is_stopped(worker))
            status = fail_stopped(worker, err);
    }
    if (worker->membership != NULL) shut_down(worker);
    return status;
}

void stele_worker_close(stele_worker *worker)
{
    if (worker == NULL) return;
    if (worker->options.registry != NULL)
        stele_registry_unlisten(worker->options.registry, &worker->listener);
    if (worker->membership != NULL) shut_down(worker);
    stele_retirement_await(&worker->replaced);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        assert(worker->slots[i]->phase == SLOT_FREE && worker->slots[i]->task == NULL);
        stele_asker_forget(worker->host.asker, worker->slots[i]->question);
        free(worker->slots[i]);
    }
    source_clear(&worker->source);
    stele_asker_close(worker->host.asker);
    stele_log_reader_close(worker->host.reader);
    stele_status_board_close(worker->host.board);
    free(worker->slots);
    report_clear(&worker->told);
    stele_monitor_clear(&worker->bell);
    free(worker->name);
    free(worker->topic);
    free(worker->instance);
    free(worker);
}

/* ---- what others ask ---- */

stele_log *stele_worker_log(stele_worker *worker)
{
    return worker->host.log;
}

stele_log_reader *stele_worker_reader(stele_worker *worker)
{
    return worker->host.reader;
}

stele_log_member *stele_worker_member(stele_worker *worker)
{
    return worker->membership == NULL ? NULL : worker->membership->member;
}

stele_asker *stele_worker_asker(stele_worker *worker)
{
    return worker->host.asker;
}

const atomic_bool *stele_worker_stop(const stele_worker *worker)
{
    return worker->host.stop;
}

stele_clock stele_worker_clock(const stele_worker *worker)
{
    return stele_log_clock(worker->host.log);
}

void stele_worker_warn(const stele_worker *worker, int32_t partition, int64_t position,
                       const char *message, const char *reason)
{
    slot_warn(&worker->host, partition, position, message, reason);
}

int32_t stele_worker_partition_count(const stele_worker *worker)
{
    return worker->partition_count;
}

bool stele_worker_state(const stele_worker *worker, int32_t partition, stele_partition_state *state,
                        const char **reason)
{
    const slot *of = slot_at(worker, partition);
    if (of == NULL || of->phase == SLOT_FREE) return false;
    const char *why;
    *state = slot_state(&worker->host, of, &why);
    if (reason != NULL) *reason = why;
    return true;
}

const stele_error *stele_worker_stopped(const stele_worker *worker, int32_t partition)
{
    const slot *of = slot_at(worker, partition);
    return of == NULL || of->phase != SLOT_STOPPED ? NULL : &of->ended;
}

const char *stele_worker_hindrance(const stele_worker *worker, int32_t partition)
{
    const slot *of = slot_at(worker, partition);
    return of == NULL || of->phase == SLOT_FREE ? "" : slot_hindrance(&worker->host, of);
}

stele_progress stele_worker_progress(const stele_worker *worker, int32_t partition)
{
    const slot *of = slot_at(worker, partition);
    if (of == NULL || of->phase == SLOT_FREE) return (stele_progress){.position = -1};
    return slot_progress(of);
}
