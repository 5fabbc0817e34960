/* SPDX-License-Identifier: MIT
 * Events of one aggregate, in pages, from the partition that its id belongs to. Their versions are
 * in their headers where a writer owns the aggregate; events from before that are counted. */
#include "server/aggregate_inside.h"

#include <inttypes.h>
#include <string.h>

#include "consumer/event_line.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"

enum { LIMIT = 100, LIMIT_MAX = 1000 };

typedef struct page {
    const stele_aggregate_api *api;
    stele_bytes id;
    stele_partition source;
    stele_event_lines *lines;
    int64_t after; /* version */
    int64_t limit;
    int64_t from; /* offset; 0: where the log begins */

    bool counts;     /* versions, all events from the first on */
    bool must_count; /* one of the events says no version */
    int64_t version; /* of the last event that was met; 0: none was */
    int64_t count;   /* of the events in the page */
    int64_t next;    /* offset of the first one behind it; 0: none */
    stele_buffer json;
} page;

static void page_clear(page *p)
{
    stele_event_lines_free(p->lines);
    stele_buffer_clear(&p->json);
}
STELE_VALUE_SCOPE(page, page_clear);

/* ---- reading ---- */

/* @return false: the record does not say it, and nothing is counted */
static bool find_version(page *p, const stele_batch *batch, const stele_record *record)
{
    stele_bytes text;
    bool is_there = stele_log_batch_header(batch, record, "ce_aggregateversion", &text) &&
                    stele_parse_int64(text, 1, INT64_MAX, &p->version, NULL) == STELE_OK;
    if (is_there) return true;
    if (p->counts) p->version++;
    return p->counts;
}

static stele_status add_event(page *p, const stele_batch *batch, const stele_record *record,
                              stele_error *err)
{
    if (p->count++ > 0) stele_buffer_push(&p->json, ',');
    return stele_event_lines_write(p->lines, batch, record, p->version, &p->json, err);
}

static int take_batch(void *context, const stele_batch *batch, stele_error *err)
{
    page *p = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (!stele_bytes_equal(record->key, p->id)) continue;
        if (p->count == p->limit) {
            p->next = record->offset;
            return STELE_BOUNDED_READ_ENOUGH;
        }
        p->must_count = !find_version(p, batch, record);
        if (p->must_count) return STELE_BOUNDED_READ_ENOUGH;
        if (p->version <= p->after) continue;
        stele_status status = add_event(p, batch, record, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status read_from(page *p, int64_t from, stele_error *err)
{
    stele_bounded_read_start start = {p->source, from};
    p->count = p->version = p->next = 0;
    stele_buffer_reset(&p->json);
    return stele_bounded_read(
        p->api->log,
        &(stele_bounded_read_options){.starts = &start,
                                      .count = 1,
                                      .deadline = stele_aggregate_api_deadline(p->api),
                                      .stop = &p->api->stops,
                                      .take = take_batch,
                                      .context = p},
        err);
}

static stele_status count_all(page *p, stele_error *err)
{
    int64_t start;
    int64_t end;
    stele_status status = stele_log_bounds(p->api->log, p->source, STELE_READ_COMMITTED,
                                           p->api->timeout_ms, &start, &end, err);
    if (status < 0) return status;
    if (start > 0)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d begins at offset %" PRId64
                          ", and events of %s behind it do not say their versions: they cannot be "
                          "counted",
                          p->source.topic, (int)p->source.index, start, stele_quote(p->id).text);
    p->counts = true;
    return read_from(p, 0, err);
}

static stele_status read_page(page *p, stele_error *err)
{
    stele_log_topic found;
    stele_status status =
        stele_log_topic_describe(p->api->log, p->source.topic, p->api->timeout_ms, &found, err);
    if (status < 0) return status;
    p->source.index = stele_log_partition_of(p->id, found.partitions);
    p->lines = stele_event_lines_new(p->api->registry, p->api->timeout_ms);
    status = read_from(p, p->from > 0 ? p->from : STELE_OFFSET_NONE, err);
    return status == STELE_OK && p->must_count ? count_all(p, err) : status;
}

/* ---- the reply ---- */

/* A segment of a path: what is unreserved (RFC 3986, 2.3) as it is. */
static void write_segment(const char *text, stele_buffer *out)
{
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0'; at++) {
        bool is_plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                        (*at >= 'a' && *at <= 'z') || strchr("-._~", *at) != NULL;
        stele_buffer_format(out, is_plain ? "%c" : "%%%02X", *at);
    }
}

static void reply_page(const page *p, const stele_http_request *request, stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    stele_buffer_append(&body, stele_text("{\"events\":["));
    stele_buffer_append(&body, stele_buffer_view(&p->json));
    stele_buffer_push(&body, ']');
    if (p->next > 0) {
        stele_buffer_append(&body, stele_text(",\"next\":\"/aggregates/"));
        write_segment(request->segments[STELE_API_TYPE_AT], &body);
        stele_buffer_push(&body, '/');
        write_segment(request->segments[STELE_API_ID_AT], &body);
        stele_buffer_format(&body, "/events?after=%" PRId64 "&limit=%" PRId64 "&from=%" PRId64 "\"",
                            p->version, p->limit, p->next);
    }
    stele_buffer_push(&body, '}');
    stele_http_reply_text(reply, stele_buffer_text(&body), body.size);
}

void stele_aggregate_api_events(void *context, const stele_http_request *request,
                                stele_http_reply *reply)
{
    static const char *const names[] = {"after", "limit", "from", NULL};
    stele_error err = {0};
    STELE_AUTO_VALUE(page)
    p = {.api = context, .id = stele_text(request->segments[STELE_API_ID_AT]), .limit = LIMIT};
    const stele_api_aggregate *of = stele_aggregate_api_find(p.api, request, reply);
    if (of == NULL || !stele_api_parameters(request, names, reply) ||
        !stele_api_number(request, "after", 0, INT64_MAX, &p.after, reply) ||
        !stele_api_number(request, "limit", 1, LIMIT_MAX, &p.limit, reply) ||
        !stele_api_number(request, "from", 1, INT64_MAX, &p.from, reply))
        return;
    STELE_AUTO(char) topic = stele_events_topic(of->aggregate->name);
    p.source.topic = topic;
    if (read_page(&p, &err) < 0) {
        stele_api_failure(reply, &err);
    } else if (p.version == 0 && p.from == 0) {
        stele_http_problem(reply, 404, "not_found", "%s has no event", stele_quote(p.id).text);
    } else {
        reply_page(&p, request, reply);
    }
}

/* ---- of all of them, as a stream ---- */

/* Also of aggregates whose events are facts, on which nothing decides. */
static const stele_aggregate *find_any(const stele_aggregate_api *api,
                                       const stele_http_request *request, stele_http_reply *reply)
{
    const char *name = request->segments[STELE_API_TYPE_AT];
    STELE_AUTO_VALUE(stele_buffer) names = {0};
    for (const stele_aggregate *const *at = api->all; at != NULL && *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) return *at;
        stele_buffer_format(&names, "%s%s", names.size == 0 ? "" : ", ", (*at)->name);
    }
    stele_http_problem(reply, 404, "unknown_aggregate", "there is no aggregate %s, there is: %s",
                       stele_quote(stele_text(name)).text, stele_buffer_text(&names));
    return NULL;
}

void stele_aggregate_api_stream(void *context, const stele_http_request *request,
                                stele_http_reply *reply)
{
    const stele_aggregate_api *api = context;
    if (!stele_feeds_is_asked(request)) { /* `events` may be an id, too */
        stele_aggregate_api_state(context, request, reply);
        return;
    }
    const stele_aggregate *of = find_any(api, request, reply);
    if (of == NULL) return;
    STELE_AUTO(char) topic = stele_events_topic(of->name);
    stele_feeds_reply(
        api->feeds,
        &(stele_feed_subject){.topic = topic, .id = stele_http_request_parameter(request, "id")},
        request, reply);
}
