/* SPDX-License-Identifier: MIT
 * The worker's turn: connecting, the group, the partition count, batches. What happens to a single
 * partition is in worker_slot.c, who stands still and who is told in worker_watch.c. */
#include "consumer/worker_internal.h"

#include <stdio.h>

enum {
    STALL_TIMEOUT_MS = 30000,
    DRAIN_TIMEOUT_MS = 10000,
    SESSION_TIMEOUT_MS = 6000,
    LEAVE_MS = 3000, /* leaving the group */
    PAUSE_MS = 500   /* between two attempts to connect */
};

static int or_default(int value, int fallback)
{
    return value == 0 ? fallback : value;
}

stele_status stele_worker_open(stele_log *log, const stele_worker_options *options,
                               stele_worker **out, stele_error *err)
{
    (void)err; /* what can fail asks the broker, and comes in a step */
    stele_worker *worker = stele_alloc(sizeof *worker);
    worker->log = log;
    worker->options = *options;
    worker->options.name = worker->name = stele_strdup(options->name);
    worker->options.topic = worker->topic = stele_strdup(options->topic);
    worker->options.instance = worker->instance =
        stele_strdup(options->instance == NULL ? "stele" : options->instance);
    worker->options.stall_timeout_ms = or_default(options->stall_timeout_ms, STALL_TIMEOUT_MS);
    worker->options.drain_timeout_ms = or_default(options->drain_timeout_ms, DRAIN_TIMEOUT_MS);
    worker->options.session_timeout_ms =
        or_default(options->session_timeout_ms, SESSION_TIMEOUT_MS);
    worker->partition_count = -1;
    worker->connect_ns = INT64_MIN;
    worker->complained_ns = INT64_MIN;
    if (!options->no_status) {
        worker->board = stele_status_board_open(
            log,
            &(stele_status_board_options){.name = worker->name,
                                          .topic = worker->topic,
                                          .instance = worker->instance,
                                          .clock = options->clock,
                                          .stall_timeout_ms = worker->options.stall_timeout_ms});
    }
    *out = worker;
    return STELE_OK;
}

/* ---- the group ---- */

/* @locality the worker's thread, within a poll or a close of the member */
static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    stele_worker *worker = context;
    worker->count_unconfirmed = true;
    for (size_t i = 0; i < count; i++) {
        int32_t index = partitions[i].index;
        if (index >= worker->slot_count) {
            worker->slots = stele_realloc_array(worker->slots, (size_t)index + 1, sizeof(slot));
            while (worker->slot_count <= index) {
                worker->slots[worker->slot_count] = (slot){.index = worker->slot_count};
                worker->slot_count++;
            }
        }
        slot_assign(worker, &worker->slots[index]);
    }
}

/* @locality as on_assigned */
static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    stele_worker *worker = context;
    lost = lost || worker->member_died;
    for (size_t i = 0; i < count && !lost; i++) {
        slot *each = worker_slot(worker, partitions[i].index);
        if (each != NULL && each->phase == SLOT_RUNNING && !worker->stopping) each->draining = true;
    }
    if (!lost) worker_drain(worker);
    for (size_t i = 0; i < count; i++) {
        slot *each = worker_slot(worker, partitions[i].index);
        if (each != NULL && each->phase != SLOT_FREE) slot_release(worker, each, lost);
    }
}

static stele_status join_group(stele_worker *worker, stele_error *err)
{
    const char *const topics[] = {worker->topic, NULL};
    stele_log_member_options options = {
        .group = worker->name,
        .topics = topics,
        .eager = worker->options.eager,
        .session_timeout_ms = worker->options.session_timeout_ms,
        .client = worker->instance,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = worker}};
    return stele_log_member_open(worker->log, &options, &worker->member, err);
}

static void leave_group(stele_worker *worker, bool died)
{
    worker->member_died = died;
    stele_log_member_close(worker->member, LEAVE_MS);
    worker->member = NULL;
    worker->member_died = false;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i].phase != SLOT_FREE) slot_release(worker, &worker->slots[i], true);
    }
}

static void complain(stele_worker *worker, const char *message, const stele_error *why)
{
    int64_t now_ns = worker_now(worker);
    if (worker->complained_ns != INT64_MIN && now_ns < after_ms(worker->complained_ns, COMPLAIN_MS))
        return;
    worker->complained_ns = now_ns;
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN, message,
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_text("reason", why->text)));
}

/* Has another owner's fence been here for longer than the group needs to tell us? Then the group
 * still believes in us: leave it, and come back as somebody new. */
static bool is_ghost(const stele_worker *worker)
{
    int64_t now_ns = worker_now(worker);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        const slot *each = &worker->slots[i];
        if (each->phase == SLOT_FENCED &&
            now_ns >= after_ms(each->fenced_ns, worker->options.session_timeout_ms))
            return true;
    }
    return false;
}

static void serve_group(stele_worker *worker)
{
    stele_error failure;
    if (stele_log_member_poll(worker->member, 0, &failure) < 0) {
        if (failure.next == STELE_NEXT_RETRY) return;
        complain(worker, "group member is dead, joining anew", &failure);
        leave_group(worker, true);
    } else if (is_ghost(worker)) {
        stele_logger_write(worker->options.logger, STELE_LOGGER_WARN,
                           "fenced by another owner, joining anew",
                           STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name)));
        leave_group(worker, false);
    }
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
        slot *each = &worker->slots[i];
        if (each->phase != SLOT_FREE && each->phase != SLOT_STOPPED)
            slot_stop(worker, each, &worker->stop_reason);
    }
}

static void compare_count(stele_worker *worker, int32_t count)
{
    if (count == worker->partition_count) return;
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
    int64_t now_ns = worker_now(worker);
    bool due = now_ns >= worker->refresh_ns && stele_log_is_up(worker->log);
    if (!worker->count_unconfirmed && !due) return;
    if (worker->count_unconfirmed && now_ns < worker->connect_ns) return;

    stele_log_topic topic;
    stele_error failure;
    stele_status status =
        stele_log_topic_describe(worker->log, worker->topic, ASK_MS, &topic, &failure);
    if (status < 0) {
        worker->connect_ns = after_ms(worker_now(worker), PAUSE_MS);
        complain(worker, "partition count is not known", &failure);
        return;
    }
    worker->count_unconfirmed = false;
    worker->refresh_ns = after_ms(worker_now(worker), REFRESH_MS);
    compare_count(worker, topic.partitions);
}

/* ---- connecting ---- */

/* @return are we in the group? If not, there is nothing to do but to wait. */
static stele_status connect(stele_worker *worker, bool *connected, stele_error *err)
{
    *connected = worker->member != NULL;
    if (*connected || worker_now(worker) < worker->connect_ns) return STELE_OK;

    stele_log_topic topic;
    stele_error failure;
    stele_status status =
        stele_log_topic_describe(worker->log, worker->topic, ASK_MS, &topic, &failure);
    if (status == STELE_OK) {
        if (worker->partition_count < 0) worker->partition_count = topic.partitions;
        worker->refresh_ns = after_ms(worker_now(worker), REFRESH_MS);
        compare_count(worker, topic.partitions);
        if (worker->reader == NULL) status = worker_open_reader(worker, &failure);
    }
    if (status == STELE_OK) {
        status = join_group(worker, &failure);
    }
    *connected = status == STELE_OK;
    if (status == STELE_OK) return STELE_OK;
    worker->connect_ns = after_ms(worker_now(worker), PAUSE_MS);
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
    if (worker->reader == NULL) { /* nor is there a member: only time can pass */
        stele_sleep_ms(stele_log_runtime(worker->log), timeout_ms);
        return STELE_OK;
    }
    stele_status status = stele_log_reader_next(worker->reader, timeout_ms, &batch, err);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;
    slot_offer(worker, worker_slot(worker, batch.partition.index), &batch);
    return STELE_OK;
}

stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err)
{
    stele_error own;
    if (err == NULL) err = &own;
    bool connected;
    stele_status status = connect(worker, &connected, err);
    if (status < 0) return status;
    if (connected) serve_group(worker);
    if (worker->member != NULL) check_count(worker);

    stop_all(worker);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = &worker->slots[i];
        if (!worker->count_unconfirmed) slot_prepare(worker, each);
        if (each->phase == SLOT_RUNNING) slot_offer_again(worker, each);
    }
    int most_ms = worker->at_once ? 0 : worker->soon ? 1 : timeout_ms;
    worker->at_once = worker->soon = false;
    if ((status = read_batch(worker, most_ms < timeout_ms ? most_ms : timeout_ms, err)) < 0)
        return status;
    for (int32_t i = 0; i < worker->slot_count; i++)
        slot_tick(worker, &worker->slots[i]);
    stop_all(worker);
    status = worker_watch(worker, err);
    worker_tell(worker);
    return status;
}

bool stele_worker_is_stopped(const stele_worker *worker)
{
    bool owns = false;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i].phase == SLOT_FREE) continue;
        if (worker->slots[i].phase != SLOT_STOPPED) return false;
        owns = true;
    }
    return owns;
}

static stele_status fail_stopped(const stele_worker *worker, stele_error *err)
{
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i].phase != SLOT_STOPPED) continue;
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP,
                          "%s: every partition is stopped: %s", worker->name,
                          worker->slots[i].reason);
    }
    return STELE_OK;
}

/* Write the last snapshots while we are still a member, then leave. */
static void shut_down(stele_worker *worker)
{
    int64_t begun_ns = worker_now(worker);
    worker->stopping = true;
    for (int32_t i = 0; i < worker->slot_count; i++)
        worker->slots[i].draining = worker->slots[i].phase == SLOT_RUNNING;
    worker_tell(worker);
    worker_drain(worker);
    size_t cut_off = 0;
    for (int32_t i = 0; i < worker->slot_count; i++)
        cut_off += worker->slots[i].draining && worker->slots[i].phase == SLOT_RUNNING;
    leave_group(worker, false);
    stele_logger_write(
        worker->options.logger, cut_off == 0 ? STELE_LOGGER_INFO : STELE_LOGGER_WARN,
        "worker ended",
        STELE_LOGGER_FIELDS(
            stele_logger_text("worker", worker->name),
            stele_logger_int("duration_ms", (worker_now(worker) - begun_ns) / 1000000),
            stele_logger_int("partitions_without_last_snapshot", (int64_t)cut_off)));
}

stele_status stele_worker_run(stele_worker *worker, const atomic_bool *stop, stele_error *err)
{
    enum { TURN_MS = 100 };
    stele_status status = STELE_OK;
    while (status == STELE_OK && !atomic_load(stop)) {
        status = stele_worker_step(worker, TURN_MS, err);
        if (status == STELE_OK && stele_worker_is_stopped(worker))
            status = fail_stopped(worker, err);
    }
    if (worker->member != NULL) shut_down(worker);
    return status;
}

void stele_worker_close(stele_worker *worker)
{
    if (worker == NULL) return;
    if (worker->member != NULL) shut_down(worker);
    stele_log_reader_close(worker->reader);
    stele_status_board_close(worker->board);
    free(worker->slots);
    free(worker->name);
    free(worker->topic);
    free(worker->instance);
    free(worker);
}

/* ---- what others ask ---- */

stele_log *stele_worker_log(stele_worker *worker)
{
    return worker->log;
}

stele_log_reader *stele_worker_reader(stele_worker *worker)
{
    return worker->reader;
}

stele_log_member *stele_worker_member(stele_worker *worker)
{
    return worker->member;
}

stele_clock stele_worker_clock(const stele_worker *worker)
{
    return worker->options.clock;
}

void stele_worker_warn(const stele_worker *worker, int32_t partition, int64_t position,
                       const char *message, const char *reason)
{
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN, message,
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_int("partition", partition),
                                           stele_logger_int("position", position),
                                           stele_logger_text("reason", reason)));
}

int32_t stele_worker_partition_count(const stele_worker *worker)
{
    return worker->partition_count;
}

bool stele_worker_state(const stele_worker *worker, int32_t partition, stele_partition_state *state,
                        const char **reason)
{
    if (partition < 0 || partition >= worker->slot_count) return false;
    const slot *of = &worker->slots[partition];
    if (of->phase == SLOT_FREE) return false;
    const char *why;
    *state = slot_state(worker, of, &why);
    if (reason != NULL) *reason = why;
    return true;
}

stele_progress stele_worker_progress(const stele_worker *worker, int32_t partition)
{
    stele_progress none = {.position = -1};
    if (partition < 0 || partition >= worker->slot_count) return none;
    const slot *of = &worker->slots[partition];
    if (of->phase == SLOT_FREE) return none;
    return of->task == NULL ? of->progress : of->task->ops->progress(of->task);
}
