/* SPDX-License-Identifier: MIT
 * Reading partitions by librdkafka's simple consumer: no group, one queue for each partition, all
 * of them waking one eventfd. Nothing is allocated for a record: views are filled into the arrays
 * of a batch box, and boxes are used again. */
#include "core/message.h"
#include "kafka/rdkafka_log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/deadline.h"

enum {
    BATCH_DEFAULT = 1024,
    QUEUE_DEFAULT = 64 << 20,
    BOUNDS_MS = 2000, /* how long a failure waits to say what the log does hold */
    LOOK_MS = 500,    /* a wait looks at the queues that often, whatever the eventfd says */
    CALM_WAIT_MS = 50,
    HASTY_WAIT_MS = 5,
    BACKOFF_VERSION = 0x02020000 /* librdkafka 2.2: fetch.queue.backoff.ms */
};

/* A batch's memory. `ops` first: stele_log_batch_release finds it there. */
typedef struct box {
    const stele_reader_ops *ops;
    struct reader *reader;
    struct box *next; /* of the reader's free ones */
    rd_kafka_message_t **messages;
    stele_record *records;
    size_t count;
} box;

/* A partition that is read. */
typedef struct source {
    rdkafka_client *by;
    rd_kafka_topic_t *topic;
    int32_t index;
    rd_kafka_queue_t *queue;
    int64_t position; /* no record below it may come */
    bool held;
    bool is_over;        /* its end was told: it goes over to the calm client */
    bool is_missing;     /* librdkafka says that there is no such topic or partition */
    stele_error failure; /* to be handed out after the records before it; status OK if none */
} source;

typedef struct reader {
    stele_log_reader base;
    rdkafka_client client;
    rdkafka_client hasty; /* of those whose end was not told yet; or not open */
    int wakeup;
    atomic_bool woken; /* by stele_log_reader_wake: the wait is over */
    size_t batch_max;
    source **sources;
    size_t count;
    size_t turn;    /* index of the source that is asked first */
    source *polled; /* the source whose queue is being served, for on_error */
    box *free_boxes;
} reader;

/* ---- boxes ---- */

static box *take_box(reader *self)
{
    box *taken = self->free_boxes;
    if (taken != NULL) {
        self->free_boxes = taken->next;
        return taken;
    }
    taken = stele_alloc(sizeof *taken);
    taken->ops = self->base.ops;
    taken->reader = self;
    taken->messages = stele_alloc_array(self->batch_max, sizeof(rd_kafka_message_t *));
    taken->records = stele_alloc_array(self->batch_max, sizeof *taken->records);
    return taken;
}

static void empty_box(box *full)
{
    for (size_t i = 0; i < full->count; i++)
        rd_kafka_message_destroy(full->messages[i]);
    full->count = 0;
    full->next = full->reader->free_boxes;
    full->reader->free_boxes = full;
}

static void batch_release(stele_batch *batch)
{
    empty_box(batch->self);
}

static void free_boxes(reader *self)
{
    while (self->free_boxes != NULL) {
        box *each = self->free_boxes;
        self->free_boxes = each->next;
        free(each->messages);
        free(each->records);
        free(each);
    }
}

/* ---- opening ---- */

/* @locality the owner's thread, within consume_batch and poll */
static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    (void)rk;
    reader *self = ((rdkafka_client *)opaque)->owner;
    stele_status status = stele_rdkafka_status((rd_kafka_resp_err_t)code);
    if (self->polled != NULL && status == STELE_E_NOT_FOUND) self->polled->is_missing = true;
    stele_rdkafka_note_problem(self->client.log, text);
}

static void set_queue(rdkafka_settings *settings, size_t queue_max)
{
    /* The queue is bounded in bytes of key and value; its own cost for a record is above 200 bytes,
     * so records are bounded too. Before 2.2 a full queue stops the fetch for a second: it must
     * hold more than what is read in one. */
    bool backs_off = rd_kafka_version() >= BACKOFF_VERSION;
    size_t records = queue_max / (backs_off ? 256 : 64);
    size_t kilobytes = queue_max / 1024;
    stele_rdkafka_set_number(settings, "queued.min.messages",
                             (int64_t)(records < 1000       ? 1000
                                       : records > 10000000 ? 10000000
                                                            : records));
    stele_rdkafka_set_number(settings, "queued.max.messages.kbytes",
                             (int64_t)(kilobytes < 1         ? 1
                                       : kilobytes > 2097151 ? 2097151
                                                             : kilobytes));
    if (backs_off) stele_rdkafka_set(settings, "fetch.queue.backoff.ms", "1");
}

static rdkafka_settings make_settings(const rdkafka_log *log,
                                      const stele_log_reader_options *options, bool is_hasty)
{
    rdkafka_settings settings = stele_rdkafka_settings_begin(log);
    bool committed = options->isolation == STELE_READ_COMMITTED;
    stele_rdkafka_set(&settings, "isolation.level",
                      committed ? "read_committed" : "read_uncommitted");
    stele_rdkafka_set(&settings, "enable.partition.eof", "true");
    stele_rdkafka_set(&settings, "check.crcs", "true");
    stele_rdkafka_set(&settings, "auto.offset.reset", "error");
    stele_rdkafka_set(&settings, "enable.auto.commit", "false");
    stele_rdkafka_set(&settings, "enable.auto.offset.store", "false");
    stele_rdkafka_set(&settings, "auto.commit.enable", "false");
    /* The end of a partition is noticed when a fetch comes back empty, so that wait is short. */
    if (is_hasty)
        stele_rdkafka_set_number(&settings, "fetch.wait.max.ms", HASTY_WAIT_MS);
    else if (!stele_rdkafka_is_set(log, "fetch.wait.max.ms"))
        stele_rdkafka_set_number(&settings, "fetch.wait.max.ms", CALM_WAIT_MS);
    stele_rdkafka_set_default(&settings, "fetch.error.backoff.ms", "100");
    stele_rdkafka_set_default(&settings, "topic.metadata.propagation.max.ms", "5000");
    rd_kafka_conf_set_error_cb(settings.conf, on_error);
    set_queue(&settings, options->queue_max == 0 ? (size_t)QUEUE_DEFAULT : options->queue_max);
    if (options->fetch_max > 0)
        stele_rdkafka_set_number(&settings, "fetch.message.max.bytes", (int64_t)options->fetch_max);
    return settings;
}

static stele_status open_client(rdkafka_log *log, const stele_log_reader_options *options,
                                bool is_hasty, reader *self, rdkafka_client *client,
                                stele_error *err)
{
    rdkafka_settings settings = make_settings(log, options, is_hasty);
    return stele_rdkafka_client_open(log, RD_KAFKA_CONSUMER, &settings, self, client, err);
}

static stele_status reader_open(stele_log *base, const stele_log_reader_options *options,
                                stele_log_reader **out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    reader *self = stele_alloc(sizeof *self);
    STELE_AUTO(stele_log_reader) guard = &self->base;
    self->base.ops = base->ops->reader;
    self->batch_max = options->batch_max == 0 ? BATCH_DEFAULT : options->batch_max;
    self->wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (self->wakeup < 0)
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, errno,
                                "no file descriptor is left for a reader: raise the limit of open "
                                "files (ulimit -n)");

    stele_status status =
        open_client(log, options, options->haste == STELE_READER_HASTY, self, &self->client, err);
    if (status == STELE_OK && options->haste == STELE_READER_HASTY_ONCE)
        status = open_client(log, options, true, self, &self->hasty, err);
    if (status < 0) return status;
    *out = guard;
    guard = NULL;
    return STELE_OK;
}

/* ---- sources ---- */

static source *find_source(const reader *self, stele_partition partition, size_t *at)
{
    for (size_t i = 0; i < self->count; i++) {
        source *each = self->sources[i];
        if (each->index != partition.index ||
            strcmp(rd_kafka_topic_name(each->topic), partition.topic) != 0)
            continue;
        *at = i;
        return each;
    }
    return NULL;
}

/* One queue each: what was fetched for a partition that stops goes with its queue. */
static rd_kafka_queue_t *make_queue(const reader *self, const rdkafka_client *by)
{
    static const uint64_t one = 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(by->rk);
    rd_kafka_queue_io_event_enable(queue, self->wakeup, &one, sizeof one);
    return queue;
}

static void drop_queue(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    rd_kafka_queue_destroy(queue);
}

/* At its position. */
static stele_status begin_source(reader *self, source *from, rdkafka_client *by, const char *name,
                                 stele_error *err)
{
    rd_kafka_topic_t *topic = stele_rdkafka_client_topic(by, name);
    rd_kafka_queue_t *queue = make_queue(self, by);
    if (topic == NULL ||
        rd_kafka_consume_start_queue(topic, from->index, from->position, queue) != 0) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        drop_queue(queue);
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)code,
                                "%s/%d cannot be read: %s", name, (int)from->index,
                                rd_kafka_err2str(code));
    }
    from->by = by;
    from->topic = topic;
    from->queue = queue;
    return STELE_OK;
}

static void end_source(const source *from)
{
    if (from->queue == NULL) return;
    rd_kafka_consume_stop(from->topic, from->index);
    drop_queue(from->queue);
}

/* What was fetched and not handed out is fetched again. */
static void calm_down(reader *self, source *from)
{
    const source before = *from;
    from->is_over = false;
    from->queue = NULL;
    end_source(&before);
    begin_source(self, from, &self->client, rd_kafka_topic_name(before.topic), &from->failure);
}

static stele_status reader_start(stele_log_reader *base, stele_partition partition, int64_t offset,
                                 stele_error *err)
{
    reader *self = (reader *)base;
    size_t at;
    if (offset < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s/%d: %lld is no offset",
                          partition.topic, (int)partition.index, (long long)offset);
    if (find_source(self, partition, &at) != NULL)
        return stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP, "%s/%d is being read already",
                          partition.topic, (int)partition.index);

    source made = {.index = partition.index, .position = offset};
    rdkafka_client *by = self->hasty.rk != NULL ? &self->hasty : &self->client;
    stele_status status = begin_source(self, &made, by, partition.topic, err);
    if (status < 0) return status;
    source *started = stele_alloc(sizeof *started);
    *started = made;
    self->sources = stele_realloc_array(self->sources, self->count + 1, sizeof(source *));
    self->sources[self->count++] = started;
    return STELE_OK;
}

static void stop_source(reader *self, size_t at)
{
    source *stopped = self->sources[at];
    end_source(stopped);
    free(stopped);
    self->count--;
    memmove(&self->sources[at], &self->sources[at + 1], (self->count - at) * sizeof(source *));
    if (self->turn > at) self->turn--;
}

static void reader_stop(stele_log_reader *base, stele_partition partition)
{
    reader *self = (reader *)base;
    size_t at;
    if (find_source(self, partition, &at) != NULL) stop_source(self, at);
}

static void reader_hold(stele_log_reader *base, stele_partition partition, bool held)
{
    size_t at;
    source *found = find_source((reader *)base, partition, &at);
    if (found != NULL) found->held = held;
}

static void reader_wake(stele_log_reader *base)
{
    static const uint64_t one = 1;
    reader *self = (reader *)base;
    atomic_store(&self->woken, true);
    /* It fails only where the counter is full, and then the reader is awake. */
    ssize_t written = write(self->wakeup, &one, sizeof one);
    (void)written;
}

static void release(void *of)
{
    reader *self = of;
    while (self->count > 0)
        stop_source(self, self->count - 1);
    stele_rdkafka_client_close(&self->client);
    stele_rdkafka_client_close(&self->hasty);
    if (self->wakeup >= 0) close(self->wakeup);
    free_boxes(self);
    free(self->sources);
    free(self);
}

static void reader_close(stele_log_reader *base)
{
    stele_rdkafka_release(release, base, 0);
}

/* ---- what ends the reading of a partition ---- */

static stele_status fail_hole(reader *self, source *from, int64_t offset)
{
    const char *topic = rd_kafka_topic_name(from->topic);
    int64_t start;
    int64_t end;
    bool is_known =
        stele_log_bounds(&self->client.log->base, (stele_partition){topic, from->index},
                         STELE_READ_UNCOMMITTED, BOUNDS_MS, &start, &end, NULL) == STELE_OK;
    if (!is_known)
        return stele_fail(&from->failure, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d: offset %" PRId64
                          " is not in the log; nothing is skipped: raise the version of the "
                          "projection, or of the aggregate, to replay what is there",
                          topic, (int)from->index, offset);
    return stele_fail(&from->failure, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d: offset %" PRId64 " is not in the log, which holds %" PRId64
                      " to %" PRId64 "; nothing is skipped: %s",
                      topic, (int)from->index, offset, start, end,
                      offset < start
                          ? "records were deleted before they were applied; bring them back"
                          : "records were lost, or the topic was made again; raise the version of "
                            "the projection, or of the aggregate, to replay what is there");
}

static void fail_source(reader *self, source *from, const rd_kafka_message_t *message)
{
    stele_status status = stele_rdkafka_status(message->err);
    if (status == STELE_E_HOLE) {
        fail_hole(self, from, from->position);
        return;
    }
    /* librdkafka fetches on from the same offset, so what may pass is only told. */
    if (status == STELE_E_UNAVAILABLE || status == STELE_E_TIMED_OUT) {
        stele_rdkafka_note_problem(self->client.log, rd_kafka_message_errstr(message));
        return;
    }
    char what[160];
    stele_message_format(what, sizeof what, "%s/%d at offset %" PRId64,
                         rd_kafka_topic_name(from->topic), (int)from->index, from->position);
    stele_rdkafka_fail(
        &from->failure,
        (rdkafka_verdict){.code = message->err, .text = rd_kafka_message_errstr(message)}, what);
}

/* librdkafka has one way to say it, whether the topic is gone or a broker that has just started
 * does not know it yet. So the cluster is asked; while no one answers, it is said again in a
 * second. */
static void check_missing(reader *self, source *from)
{
    stele_error failure;
    stele_log_topic found;
    const char *name = rd_kafka_topic_name(from->topic);
    from->is_missing = false;
    stele_status status =
        stele_log_topic_describe(&self->client.log->base, name, BOUNDS_MS, &found, &failure);
    if (status == STELE_E_NOT_FOUND)
        stele_fail(&from->failure, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s/%d: %s", name,
                   (int)from->index, failure.text);
    else if (status == STELE_OK && from->index >= found.partitions)
        stele_fail(&from->failure, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                   "%s/%d: the topic has %d partitions", name, (int)from->index,
                   (int)found.partitions);
}

/* ---- batches ---- */

static stele_record view_of(rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    return (stele_record){
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .key = stele_bytes_of(message->key, message->key_len),
        .value = stele_bytes_of(message->payload, message->len),
        .headers = message,
    };
}

/* Fill the batch from what was polled into `into`: records stay there, the rest is destroyed. The
 * first failure ends it; a record past the end-of-partition mark takes the mark back. */
static void fill(reader *self, source *from, box *into, size_t polled, stele_batch *out)
{
    for (size_t i = 0; i < polled; i++) {
        rd_kafka_message_t *message = into->messages[i];
        if (from->failure.status == STELE_OK && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (message->offset >= from->position) {
                from->position = message->offset + 1;
                out->at_end = false;
                into->records[into->count] = view_of(message);
                into->messages[into->count++] = message;
                continue;
            }
            /* Truncated below what was read, and written again. */
            fail_hole(self, from, from->position);
        } else if (from->failure.status != STELE_OK) {
            /* Behind a failure: not handed out. */
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (message->offset > from->position) from->position = message->offset;
            out->at_end = true;
        } else {
            fail_source(self, from, message);
        }
        rd_kafka_message_destroy(message);
    }
}

/* Of the last answer to a fetch; asks no one. */
static int64_t known_end(const source *from)
{
    int64_t start;
    int64_t end;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        from->by->rk, rd_kafka_topic_name(from->topic), from->index, &start, &end);
    bool is_ahead = code == RD_KAFKA_RESP_ERR_NO_ERROR && end > from->position;
    return is_ahead ? end : from->position;
}

/* A failure is handed out by itself, after the records that came before it. */
static bool hand_out_failure(reader *self, size_t at, stele_batch *out)
{
    source *from = self->sources[at];
    box *taken = take_box(self);
    *out = (stele_batch){
        .partition = {rd_kafka_topic_name(from->topic), from->index},
        .next_offset = from->position,
        .log_end = from->position,
        .status = from->failure.status,
        .error = from->failure,
        .self = taken,
    };
    stop_source(self, at);
    return true;
}

static bool take_from(reader *self, size_t at, stele_batch *out)
{
    source *from = self->sources[at];
    if (from->held) return false;
    if (from->is_over) calm_down(self, from);
    if (from->failure.status != STELE_OK) return hand_out_failure(self, at, out);

    box *into = take_box(self);
    self->polled = from;
    ssize_t polled = rd_kafka_consume_batch_queue(from->queue, 0, into->messages, self->batch_max);
    self->polled = NULL;
    stele_batch batch = {.partition = {rd_kafka_topic_name(from->topic), from->index}};
    if (polled > 0) fill(self, from, into, (size_t)polled, &batch);
    if (from->is_missing && from->failure.status == STELE_OK) check_missing(self, from);
    if (into->count == 0 && !batch.at_end) {
        empty_box(into);
        return from->failure.status != STELE_OK && hand_out_failure(self, at, out);
    }
    batch.records = into->records;
    batch.count = into->count;
    batch.next_offset = from->position;
    batch.log_end = known_end(from);
    from->is_over = batch.at_end && from->by == &self->hasty;
    batch.self = into;
    *out = batch;
    return true;
}

static bool take_any(reader *self, stele_batch *out)
{
    size_t count = self->count;
    for (size_t i = 0; i < count; i++) {
        size_t at = (self->turn + i) % count;
        if (!take_from(self, at, out)) continue;
        /* A source that failed is gone; the next one stands in its place. */
        self->turn = self->count < count ? at : at + 1;
        return true;
    }
    return false;
}

static stele_status reader_next(stele_log_reader *base, int timeout_ms, stele_batch *out,
                                stele_error *err)
{
    (void)err;
    reader *self = (reader *)base;
    if (take_any(self, out)) {
        atomic_store(&self->woken, false); /* its owner has its turn now */
        return STELE_OK;
    }

    stele_deadline deadline = stele_deadline_after(stele_clock_system(), timeout_ms);
    for (;;) {
        /* Take the wake-up back first, then look: one that comes in between ends the wait. */
        uint64_t wakeups;
        if (read(self->wakeup, &wakeups, sizeof wakeups) < 0) wakeups = 0;
        rd_kafka_poll(self->client.rk, 0);
        if (self->hasty.rk != NULL) rd_kafka_poll(self->hasty.rk, 0);
        if (take_any(self, out)) return STELE_OK;
        if (atomic_exchange(&self->woken, false)) return STELE_E_TIMED_OUT;

        int wait_ms = stele_deadline_remaining_ms(deadline, LOOK_MS);
        if (wait_ms == 0) return STELE_E_TIMED_OUT;
        poll(&(struct pollfd){.fd = self->wakeup, .events = POLLIN}, 1, wait_ms);
    }
}

/* ---- headers ---- */

static size_t batch_headers(const stele_batch *batch, const stele_record *record, stele_header *out,
                            size_t max)
{
    (void)batch;
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(record->headers, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;

    size_t count = rd_kafka_header_cnt(headers);
    for (size_t i = 0; i < count && i < max; i++) {
        const char *name;
        const void *value;
        size_t size;
        rd_kafka_header_get_all(headers, i, &name, &value, &size);
        out[i] = (stele_header){.name = name, .value = stele_bytes_of(value, size)};
    }
    return count;
}

const stele_reader_ops stele_rdkafka_reader_ops = {
    .open = reader_open,
    .close = reader_close,
    .start = reader_start,
    .stop = reader_stop,
    .hold = reader_hold,
    .wake = reader_wake,
    .next = reader_next,
    .batch_headers = batch_headers,
    .batch_release = batch_release,
};
