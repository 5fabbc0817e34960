/* SPDX-License-Identifier: MIT
 * The writing side of `_stele.status`: a thread of its own, so that neither a broker that is away
 * nor a worker that hangs in one call keeps the other from being told of. */
#include "consumer/status.h"

#include <inttypes.h>
#include <jansson.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/message.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/topic_spec.h"

enum {
    AGAIN_SOON_MS = 100, /* after a turn that could not write what was due */
    REPEAT_MS = 5000,
    RATE_MS = 1000,   /* a rate is measured over at least this long */
    AGAIN_MS = 10000, /* between two attempts to make topic or producer */
    ASK_MS = 1000,
    DELIVERY_MS = 5000, /* a line that takes longer is followed by a newer one */
    QUEUE_BYTES = 1 << 20,
    IDLE = -1
};

static const char *const state_names[] = {
    [STELE_STATE_STARTING] = "starting", [STELE_STATE_RESTORING] = "restoring",
    [STELE_STATE_RUNNING] = "running",   [STELE_STATE_WAITING] = "waiting",
    [STELE_STATE_PAUSED] = "paused",     [STELE_STATE_STALLED] = "stalled",
    [STELE_STATE_STOPPED] = "stopped",   [STELE_STATE_STOPPING] = "stopping",
    [STELE_STATE_UNKNOWN] = "unknown",
};

const char *stele_partition_state_name(stele_partition_state state)
{
    return state_names[state];
}

/* What is known of one partition. */
typedef struct entry {
    bool is_ours;     /* to be reported */
    int64_t taken_ms; /* when it was given to this worker; 0: it is not its own */
    bool changed;
    stele_partition_state state;
    char reason[STELE_ERROR_TEXT_MAX + 1];
    int64_t position;
    int64_t applied;
    int64_t parked_aggregates;
    int64_t parked_events;
    int64_t paused_ms; /* since when it is paused; 0: it is not */
    int64_t reset_ms;
    int64_t since_ms;
    int64_t written_ns;
    stele_partition_state written_state;
    double rate;
    int64_t rate_applied; /* `applied` at rate_ns */
    int64_t rate_ns;
} entry;

struct stele_status_board {
    stele_log *log;
    stele_status_board_options options;
    char *name;
    char *topic;
    char *instance;
    char *address; /* NULL: it has none */
    stele_thread thread;

    /* Of the thread. */
    stele_log_producer *producer; /* NULL: not open (any more) */
    int64_t attempt_ns;           /* no attempt to open one before it */
    bool is_broken;               /* a line was not taken: topic or producer is no more */

    /* Under the monitor. */
    stele_monitor monitor;
    entry *entries;
    int32_t count;
    int32_t busy; /* partition of a call that the worker is in, or IDLE */
    int64_t busy_ns;
    bool due_sooner; /* than the thread knows that waits */
    bool closing;
};

/* ---- one line ---- */

static void measure_rate(entry *of, int64_t now_ns)
{
    int64_t elapsed_ns = now_ns - of->rate_ns;
    if (elapsed_ns < (int64_t)RATE_MS * 1000000) return;
    int64_t events = of->applied - of->rate_applied;
    of->rate = events <= 0 ? 0 : (double)events * 1e9 / (double)elapsed_ns;
    of->rate_applied = of->applied;
    of->rate_ns = now_ns;
}

static char *to_json(const stele_status_board *board, const entry *of, stele_partition_state state,
                     const char *reason, int64_t now_ms)
{
    char since[STELE_DATE_TEXT_MAX + 1];
    char time[STELE_DATE_TEXT_MAX + 1];
    bool is_paused = state == STELE_STATE_PAUSED && of->paused_ms > 0;
    stele_format_timestamp(is_paused ? of->paused_ms : of->since_ms, STELE_TIME_MILLIS, since);
    stele_format_timestamp(now_ms, STELE_TIME_MILLIS, time);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:I, s:f, s:s, s:s}", "instance", board->instance, "state",
                  state_names[state], "reason", reason, "position", (json_int_t)of->position,
                  "rate", of->rate, "since", since, "time", time);
    if (line == NULL) return NULL; /* text that is not UTF-8 */
    stele_format_timestamp(of->taken_ms, STELE_TIME_MILLIS, time);
    if (of->taken_ms != 0) json_object_set_new(line, "taken", json_string(time));
    if (board->address != NULL) json_object_set_new(line, "address", json_string(board->address));
    if (board->options.sources > 1)
        json_object_set_new(line, "sources", json_integer(board->options.sources));
    if (of->parked_events > 0)
        json_object_set_new(line, "parked",
                            json_pack("{s:I, s:I}", "aggregates", (json_int_t)of->parked_aggregates,
                                      "events", (json_int_t)of->parked_events));
    if (of->reset_ms != 0) json_object_set_new(line, "reset", json_integer(of->reset_ms));
    if (board->closing) json_object_set_new(line, "ended", json_true());
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(line);
    return text;
}

/* A state that says that things go on, which they do not while the worker hangs. */
static bool claims_to_go_on(stele_partition_state state)
{
    return state == STELE_STATE_STARTING || state == STELE_STATE_RESTORING ||
           state == STELE_STATE_RUNNING;
}

static int64_t busy_ms_of(const stele_status_board *board, int64_t now_ns)
{
    return board->busy == IDLE ? 0 : (now_ns - board->busy_ns) / 1000000;
}

static void write_line(stele_status_board *board, int32_t partition, entry *of)
{
    int64_t now_ns = stele_log_now_ns(board->log);
    stele_partition_state state = of->state;
    const char *reason = of->reason;
    char hanging[STELE_ERROR_TEXT_MAX + 1];
    int64_t busy_ms = busy_ms_of(board, now_ns);
    if (busy_ms >= board->options.stall_timeout_ms && claims_to_go_on(state)) {
        const entry *at = &board->entries[board->busy];
        stele_message_format(hanging, sizeof hanging,
                             "the worker has been busy with one batch of %s for %" PRId64 " s",
                             stele_position_format(board->topic, board->busy, at->position).text,
                             busy_ms / 1000);
        state = STELE_STATE_STALLED;
        reason = hanging;
    }
    if (state != of->written_state) of->since_ms = stele_clock_now_ms(stele_log_clock(board->log));
    measure_rate(of, now_ns);
    char *json = to_json(board, of, state, reason, stele_clock_now_ms(stele_log_clock(board->log)));
    if (json == NULL) return;
    STELE_AUTO(char) key = stele_status_key(board->name, board->topic, partition);
    stele_log_entry record = {
        .partition = {STELE_STATUS_TOPIC, 0}, .key = stele_text(key), .value = stele_text(json)};
    /* Full: the broker is away or slow, and a newer line will follow. */
    stele_status put = stele_log_producer_put(board->producer, &record, NULL);
    if (put < 0 && put != STELE_E_FULL) board->is_broken = true;
    if (put == STELE_OK) {
        of->changed = false;
        of->written_state = state;
        of->written_ns = now_ns;
    }
    free(json);
}

static bool is_due(const stele_status_board *board, const entry *of, int64_t now_ns)
{
    if (!of->is_ours || board->closing) return of->is_ours; /* closing: the last word */
    int64_t age_ms = (now_ns - of->written_ns) / 1000000;
    bool hangs = busy_ms_of(board, now_ns) >= board->options.stall_timeout_ms;
    /* A moving position is a change too, but not one for each batch. */
    return of->written_ns == 0 || age_ms >= REPEAT_MS || (of->changed && age_ms >= RATE_MS) ||
           (hangs && claims_to_go_on(of->written_state));
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When there is something to do next, if no one wakes the thread before. The monitor is held. */
static int64_t next_due_ns(const stele_status_board *board)
{
    const int64_t ms = 1000000;
    int64_t now_ns = stele_log_now_ns(board->log);
    int64_t due_ns = INT64_MAX;
    for (int32_t i = 0; i < board->count; i++) {
        const entry *of = &board->entries[i];
        if (!of->is_ours) continue;
        if (board->producer == NULL) return board->attempt_ns;
        /* A worker that hangs tells no one that it does. */
        due_ns = earlier(due_ns, now_ns + board->options.stall_timeout_ms * ms);
        due_ns = earlier(due_ns, of->written_ns + (of->changed ? RATE_MS : REPEAT_MS) * ms);
    }
    if (board->busy != IDLE && busy_ms_of(board, now_ns) < board->options.stall_timeout_ms)
        due_ns = earlier(due_ns, board->busy_ns + board->options.stall_timeout_ms * ms);
    return due_ns;
}

static void write_due(stele_status_board *board)
{
    stele_monitor_lock(&board->monitor);
    int64_t now_ns = stele_log_now_ns(board->log);
    for (int32_t i = 0; i < board->count; i++) {
        if (is_due(board, &board->entries[i], now_ns)) write_line(board, i, &board->entries[i]);
    }
    stele_monitor_unlock(&board->monitor);
}

/* ---- the thread ---- */

static stele_status make_topic(stele_log *log)
{
    static const stele_topic_setting settings[] = {
        {.name = "cleanup.policy", .value = "compact"},
        {.name = "min.cleanable.dirty.ratio", .value = "0.1"},
        {.name = "segment.ms", .value = "3600000"},
    };
    stele_topic_spec spec = {.name = STELE_STATUS_TOPIC,
                             .partitions = 1,
                             .settings = settings,
                             .setting_count = sizeof settings / sizeof settings[0]};
    stele_status status = stele_topic_create(log, &spec, ASK_MS, NULL);
    return status == STELE_E_EXISTS ? STELE_OK : status;
}

/* @locality the board's thread. Somebody may have deleted the topic; opening a producer makes it.
 */
static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    if (failure != NULL) ((stele_status_board *)context)->is_broken = true;
}

static bool open_producer(stele_status_board *board)
{
    if (board->producer != NULL) return true;
    int64_t now_ns = stele_log_now_ns(board->log);
    if (now_ns < board->attempt_ns) return false;
    board->attempt_ns = now_ns + (int64_t)AGAIN_MS * 1000000;
    if (make_topic(board->log) < 0) return false;
    stele_log_producer_options options = {.queue_max = QUEUE_BYTES,
                                          .compression = "none",
                                          .delivery_timeout_ms = DELIVERY_MS,
                                          .delivered = on_delivered,
                                          .context = board};
    return stele_log_producer_open(board->log, &options, &board->producer, NULL) == STELE_OK;
}

static void turn(stele_status_board *board)
{
    if (!open_producer(board)) return;
    write_due(board);
    stele_error failure;
    bool is_dead = stele_log_producer_poll(board->producer, 0, &failure) < 0 &&
                   failure.next != STELE_NEXT_RETRY;
    if (!is_dead && !board->is_broken) return;
    stele_log_producer_close(board->producer);
    board->producer = NULL;
    board->is_broken = false;
}

static void run(void *context)
{
    stele_status_board *board = context;
    bool closing = false;
    int64_t soon_ns = INT64_MIN;
    while (!closing) {
        stele_monitor_lock(&board->monitor);
        int64_t due_ns = later(next_due_ns(board), soon_ns);
        while (!board->closing && !board->due_sooner &&
               stele_monitor_wait(&board->monitor,
                                  (stele_deadline){stele_log_clock(board->log), due_ns})) {
        }
        board->due_sooner = false;
        closing = board->closing;
        stele_monitor_unlock(&board->monitor);
        turn(board);
        soon_ns = stele_log_now_ns(board->log) + (int64_t)AGAIN_SOON_MS * 1000000;
    }
    if (board->producer != NULL) stele_log_producer_flush(board->producer, ASK_MS, NULL);
    stele_log_producer_close(board->producer);
}

/* ---- the worker's side ---- */

static void release(stele_status_board *board)
{
    stele_monitor_clear(&board->monitor);
    free(board->entries);
    free(board->name);
    free(board->topic);
    free(board->instance);
    free(board->address);
    free(board);
}

stele_status_board *stele_status_board_open(stele_log *log,
                                            const stele_status_board_options *options)
{
    stele_status_board *board = stele_alloc(sizeof *board);
    board->log = log;
    board->options = *options;
    board->name = stele_strdup(options->name);
    board->topic = stele_strdup(options->topic);
    board->instance = stele_strdup(options->instance);
    if (options->address != NULL) board->address = stele_strdup(options->address);
    board->busy = IDLE;
    stele_monitor_init(&board->monitor, stele_log_runtime(log));
    if (stele_thread_start(stele_log_runtime(log), &board->thread, "status", run, board) == 0)
        return board;
    release(board);
    return NULL;
}

/* The monitor is held. */
static entry *entry_of(stele_status_board *board, int32_t partition)
{
    if (partition >= board->count) {
        size_t count = (size_t)partition + 1;
        board->entries = stele_realloc_array(board->entries, count, sizeof(entry));
        memset(&board->entries[board->count], 0, (count - (size_t)board->count) * sizeof(entry));
        board->count = (int32_t)count;
    }
    return &board->entries[partition];
}

/* What a broker says may be no UTF-8, which would not fit into JSON. */
static const char *show(const char *reason, stele_buffer *shown)
{
    stele_show(shown, stele_text(reason));
    return stele_buffer_text(shown);
}

/* The monitor is held. */
static void set_entry(stele_status_board *board, entry *of, stele_partition_state state,
                      const char *reason, int64_t position, int64_t applied)
{
    bool is_new = !of->is_ours || of->state != state || strcmp(of->reason, reason) != 0;
    if (!of->is_ours || applied < of->rate_applied) {
        of->rate_applied = applied;
        of->rate_ns = stele_log_now_ns(board->log);
        of->rate = 0;
    }
    board->due_sooner = board->due_sooner || is_new || !of->changed;
    of->is_ours = true;
    of->changed = true;
    of->state = state;
    stele_message_format(of->reason, sizeof of->reason, "%s", reason);
    of->position = position;
    of->applied = applied;
    if (is_new) of->written_ns = 0; /* due at once */
    if (board->due_sooner) stele_monitor_wake(&board->monitor);
}

void stele_status_board_set(stele_status_board *board, int32_t partition,
                            stele_partition_state state, const char *reason, int64_t position,
                            int64_t applied)
{
    if (board == NULL) return;
    STELE_AUTO_VALUE(stele_buffer) shown = {0};
    reason = show(reason, &shown);
    stele_monitor_lock(&board->monitor);
    entry *of = entry_of(board, partition);
    if (of->taken_ms == 0) of->taken_ms = stele_clock_now_ms(stele_log_clock(board->log));
    set_entry(board, of, state, reason, position, applied);
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_parked(stele_status_board *board, int32_t partition, int64_t aggregates,
                               int64_t events)
{
    if (board == NULL) return;
    stele_monitor_lock(&board->monitor);
    entry *of = entry_of(board, partition);
    of->parked_aggregates = aggregates;
    of->parked_events = events;
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_ordered(stele_status_board *board, int32_t partition, int64_t paused_ms,
                                int64_t reset_ms)
{
    if (board == NULL) return;
    stele_monitor_lock(&board->monitor);
    entry *of = entry_of(board, partition);
    of->changed = of->changed || of->reset_ms != reset_ms || of->paused_ms != paused_ms;
    of->paused_ms = paused_ms;
    of->reset_ms = reset_ms;
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_refused(stele_status_board *board, int32_t partition,
                                stele_partition_state state, const char *reason)
{
    if (board == NULL) return;
    STELE_AUTO_VALUE(stele_buffer) shown = {0};
    reason = show(reason, &shown);
    stele_monitor_lock(&board->monitor);
    entry *of = entry_of(board, partition);
    of->taken_ms = 0;
    set_entry(board, of, state, reason, -1, 0);
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_drop(stele_status_board *board, int32_t partition)
{
    if (board == NULL) return;
    stele_monitor_lock(&board->monitor);
    *entry_of(board, partition) = (entry){0};
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_busy(stele_status_board *board, int32_t partition)
{
    if (board == NULL) return;
    stele_monitor_lock(&board->monitor);
    board->busy = partition < 0 ? IDLE : partition;
    if (partition >= 0) {
        entry_of(board, partition);
        board->busy_ns = stele_log_now_ns(board->log);
    }
    stele_monitor_unlock(&board->monitor);
}

void stele_status_board_close(stele_status_board *board)
{
    if (board == NULL) return;
    stele_monitor_lock(&board->monitor);
    board->closing = true;
    stele_monitor_wake(&board->monitor);
    stele_monitor_unlock(&board->monitor);
    stele_thread_join(board->thread);
    release(board);
}
