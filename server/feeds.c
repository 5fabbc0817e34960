/* SPDX-License-Identifier: MIT
 * From a request to a stream: who may have one, and where it begins. */
#include "server/feeds.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "server/api_shared.h"
#include "server/event_stream.h"
#include "server/feed.h"
#include "server/http_problem.h"

enum {
    STREAMS_MAX = 1024,
    ROOM = 65536,
    KEPT_BYTES = 8 << 20,
    BEAT_MS = 15000,
    ASK_MS = 2000,     /* one question to the broker */
    OPEN_MS = 10000,   /* all of them */
    AGAIN_AFTER_S = 5, /* where there are too many */
    RETRY_MS = 1000    /* when a client comes again whose connection has ended */
};

struct stele_feeds {
    stele_feeds_options options;
    stele_monitor monitor; /* for the list */
    stele_feed *first;
    atomic_size_t count; /* streams */
    atomic_bool stops;
};

typedef struct opening {
    stele_feeds *feeds;
    const stele_feed_subject *subject;
    const stele_http_request *request;
    stele_http_reply *reply;
    stele_deadline until;
    int32_t partitions;
    enum { AT_CURSOR, AT_BEGINNING, AT_END } place;
    stele_cursor cursor; /* with the offsets of all partitions, as a stream has it */
} opening;

/* ---- what is asked ---- */

bool stele_feeds_is_asked(const stele_http_request *request)
{
    const char *accept = stele_http_request_field(request, "Accept");
    return stele_http_request_parameter(request, "from") != NULL ||
           stele_http_request_field(request, "Last-Event-ID") != NULL ||
           (accept != NULL && strstr(accept, STELE_EVENT_STREAM_TYPE) != NULL);
}

static bool is_acceptable(const opening *o)
{
    const char *accept = stele_http_request_field(o->request, "Accept");
    if (accept == NULL || strstr(accept, STELE_EVENT_STREAM_TYPE) != NULL ||
        strstr(accept, "*/*") != NULL || strstr(accept, "text/*") != NULL)
        return true;
    stele_http_problem(o->reply, 406, "not_acceptable",
                       "a stream is %s, which `Accept` does not have", STELE_EVENT_STREAM_TYPE);
    return false;
}

static bool refuse_place(const opening *o, const char *text, const char *why)
{
    stele_http_problem(o->reply, 400, "bad_request",
                       "%s: expected `beginning`, `end`, or the id of an event of a stream%s",
                       stele_quote(stele_text(text)).text, why);
    return false;
}

/* The cursor of a client becomes one of a stream. */
static bool fit(opening *o, const char *text, const stele_cursor *given)
{
    const char *id = o->subject->id;
    int32_t own = o->cursor.only;
    bool is_whole = given->only < 0 && given->count == o->partitions;
    if ((given->version > 0) != (o->subject->version > 0))
        return refuse_place(o, text, "; this is one of another kind of stream");
    if (given->version != o->subject->version) {
        stele_http_problem(o->reply, 410, "gone",
                           "the id is of version %d, and the projection is at version %d: begin "
                           "with from=beginning",
                           given->version, o->subject->version);
        return false;
    }
    if (!is_whole && (id == NULL || given->only != own))
        return refuse_place(o, text,
                            id == NULL
                                ? " of all ids, with as many numbers as the topic has partitions"
                                : " of the same id");
    for (int32_t i = 0; i < o->partitions; i++) {
        if (is_whole)
            o->cursor.offsets[i] = given->offsets[i];
        else if (i == own)
            o->cursor.offsets[i] = given->offsets[0];
    }
    return true;
}

static bool read_place(opening *o)
{
    const char *last = stele_http_request_field(o->request, "Last-Event-ID");
    const char *text = stele_http_request_parameter(o->request, "from");
    stele_cursor given;
    if (last != NULL && last[0] != '\0') text = last;
    o->place = AT_END;
    if (text == NULL || strcmp(text, "end") == 0) return true;
    o->place = AT_BEGINNING;
    if (strcmp(text, "beginning") == 0) return true;
    o->place = AT_CURSOR;
    if (!stele_cursor_parse(stele_text(text), &given)) return refuse_place(o, text, "");
    return fit(o, text, &given);
}

/* ---- what there is ---- */

static bool fail(const opening *o, const stele_error *err)
{
    stele_api_failure(o->reply, err);
    return false;
}

static bool find_topic(opening *o)
{
    stele_log_topic topic;
    stele_error err = {0};
    stele_status status =
        stele_log_topic_describe(o->feeds->options.log, o->subject->topic,
                                 stele_deadline_remaining_ms(o->until, ASK_MS), &topic, &err);
    if (status == STELE_E_NOT_FOUND && o->subject->kind == STELE_FEED_STATES) {
        stele_http_problem(o->reply, 503, "unavailable",
                           "there is no topic %s yet: a worker of the projection makes it",
                           o->subject->topic);
        o->reply->retry_after_s = 1;
        return false;
    }
    if (status < 0) return fail(o, &err);
    o->partitions = topic.partitions;
    o->cursor = (stele_cursor){.version = o->subject->version, .only = -1};
    if (o->partitions > STELE_CURSOR_PARTITIONS_MAX) {
        stele_http_problem(o->reply, 400, "bad_request",
                           "%s has %d partitions, and a stream has at most %d", o->subject->topic,
                           (int)o->partitions, STELE_CURSOR_PARTITIONS_MAX);
        return false;
    }
    o->cursor.count = o->partitions;
    if (o->subject->id != NULL)
        o->cursor.only = stele_log_partition_of(stele_text(o->subject->id), o->partitions);
    return true;
}

static stele_status ask_bounds(const opening *o, int32_t index, stele_isolation isolation,
                               int64_t *start, int64_t *end, stele_error *err)
{
    const stele_partition source = {o->subject->topic, index};
    if (atomic_load(&o->feeds->stops))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "the instance ends");
    return stele_log_bounds(o->feeds->options.log, source, isolation,
                            stele_deadline_remaining_ms(o->until, ASK_MS), start, end, err);
}

static bool refuse_gone(const opening *o, int32_t index, int64_t start, int64_t end)
{
    stele_http_problem(o->reply, 410, "gone",
                       "%s/%d has offsets from %" PRId64 " to %" PRId64
                       ", and the stream was at %" PRId64 ": begin with from=beginning",
                       o->subject->topic, (int)index, start, end, o->cursor.offsets[index]);
    return false;
}

/* Where does the stream begin in a partition, and is that in the log? */
static bool find_begin(opening *o, int32_t index)
{
    int64_t start, end, high;
    int64_t *next = &o->cursor.offsets[index];
    stele_error err = {0};
    if (ask_bounds(o, index, STELE_READ_COMMITTED, &start, &end, &err) < 0) return fail(o, &err);
    if (o->place == AT_BEGINNING) *next = start;
    if (o->place == AT_END) *next = end;
    if (*next < start) return refuse_gone(o, index, start, end);
    if (*next <= end) return true;
    /* A broker that has just begun may not know yet how far all is committed. */
    if (ask_bounds(o, index, STELE_READ_UNCOMMITTED, &start, &high, &err) < 0) return fail(o, &err);
    return *next <= high || refuse_gone(o, index, start, high);
}

static bool find_begins(opening *o)
{
    for (int32_t i = 0; i < o->partitions; i++)
        if ((o->cursor.only < 0 || o->cursor.only == i) && !find_begin(o, i)) return false;
    return true;
}

/* ---- its feed ---- */

static stele_status find_feed(const opening *o, stele_feed **out, stele_error *err)
{
    stele_feeds *feeds = o->feeds;
    stele_status status = STELE_OK;
    stele_monitor_lock(&feeds->monitor);
    stele_feed *feed = feeds->first;
    while (feed != NULL && strcmp(feed->subject.topic, o->subject->topic) != 0)
        feed = feed->next;
    if (feed == NULL) {
        status =
            stele_feed_new(&feeds->options, &feeds->count, o->subject, o->partitions, &feed, err);
        if (status == STELE_OK) {
            feed->next = feeds->first;
            feeds->first = feed;
        }
    }
    stele_monitor_unlock(&feeds->monitor);
    if (status == STELE_OK) *out = feed;
    return status;
}

/* @locality the server's thread, with the lock of the stream */
static void on_changed(void *context)
{
    stele_feed *feed = context;
    stele_feed_ring(&feed->bell);
    stele_feed_ring(&feed->late);
}

/* @return false: the topic has other partitions than those that are read */
static bool add(stele_feed *feed, stele_feed_stream *stream)
{
    stele_monitor_lock(&feed->monitor);
    if (feed->streams == NULL && !feed->is_following) feed->partitions = stream->partitions;
    bool fits = feed->partitions == stream->partitions;
    if (fits) {
        stream->next = feed->streams;
        feed->streams = stream;
    }
    if (!fits) atomic_store(&feed->is_doubted, true);
    stele_monitor_unlock(&feed->monitor);
    stele_feed_ring(&feed->bell);
    return fits;
}

/* @return false: it is refused */
static bool begin_stream(opening *o, stele_feed *feed)
{
    const stele_http_stream_options options = {.content_type = STELE_EVENT_STREAM_TYPE,
                                               .farewell = ": the instance ends\nretry: 1000\n\n",
                                               .room = feed->options->room,
                                               .changed = on_changed,
                                               .context = feed};
    stele_http_stream *body = stele_http_stream_new(&options);
    stele_feed_stream *stream = stele_alloc(sizeof *stream);
    *stream = (stele_feed_stream){
        .stream = body,
        .id = stele_strdup(o->subject->id),
        .cursor = o->cursor,
        .partitions = o->partitions,
        .beat = stele_deadline_after(stele_log_clock(feed->options->log), feed->options->beat_ms)};
    stele_feed_stream_begin(stream, RETRY_MS);
    if (add(feed, stream)) {
        stele_http_reply_stream(o->reply, body);
        stele_http_reply_field(o->reply, "X-Accel-Buffering", "no");
        return true;
    }
    stele_http_stream_end(body);
    stele_http_stream_leave(body);
    free(stream->id);
    free(stream);
    stele_http_problem(
        o->reply, 503, "unavailable",
        "%s has another number of partitions now: streams of before are being ended, "
        "ask again",
        o->subject->topic);
    o->reply->retry_after_s = 1;
    return false;
}

static bool open_stream(opening *o)
{
    stele_feed *feed = NULL;
    stele_error err = {0};
    if (!find_topic(o) || !read_place(o) || !find_begins(o)) return false;
    return find_feed(o, &feed, &err) < 0 ? fail(o, &err) : begin_stream(o, feed);
}

/* Each is counted before anything is asked for it; a feed counts it out when it is over. */
static void open_counted(opening *o)
{
    stele_feeds *feeds = o->feeds;
    if (atomic_fetch_add(&feeds->count, 1) >= feeds->options.streams_max) {
        stele_http_problem(o->reply, 503, "too_many_streams",
                           "%zu streams are open already, which is the limit of an instance",
                           feeds->options.streams_max);
        o->reply->retry_after_s = AGAIN_AFTER_S;
    } else if (open_stream(o)) {
        return;
    }
    atomic_fetch_sub(&feeds->count, 1);
}

void stele_feeds_reply(stele_feeds *feeds, const stele_feed_subject *subject,
                       const stele_http_request *request, stele_http_reply *reply)
{
    static const char *const names[] = {"from", "id", NULL};
    opening o = {.feeds = feeds,
                 .subject = subject,
                 .request = request,
                 .reply = reply,
                 .until = stele_deadline_after(stele_log_clock(feeds->options.log), OPEN_MS)};
    if (!stele_api_parameters(request, names, reply) || !is_acceptable(&o)) return;
    if (subject->id != NULL && subject->id[0] == '\0')
        stele_http_problem(reply, 400, "bad_request", "id: expected the id of an aggregate");
    else
        open_counted(&o);
}

void stele_feeds_interrupt(stele_feeds *feeds)
{
    atomic_store(&feeds->stops, true);
}

/* ---- all of them ---- */

stele_feeds *stele_feeds_new(const stele_feeds_options *options)
{
    stele_feeds *feeds = stele_alloc(sizeof *feeds);
    feeds->options = *options;
    if (options->streams_max == 0) feeds->options.streams_max = STREAMS_MAX;
    if (options->room == 0) feeds->options.room = ROOM;
    if (options->kept_max == 0) feeds->options.kept_max = KEPT_BYTES;
    if (options->beat_ms == 0) feeds->options.beat_ms = BEAT_MS;
    stele_monitor_init(&feeds->monitor, stele_log_runtime(options->log));
    return feeds;
}

void stele_feeds_free(stele_feeds *feeds)
{
    if (feeds == NULL) return;
    while (feeds->first != NULL) {
        stele_feed *feed = feeds->first;
        feeds->first = feed->next;
        stele_feed_free(feed);
    }
    stele_monitor_clear(&feeds->monitor);
    free(feeds);
}
