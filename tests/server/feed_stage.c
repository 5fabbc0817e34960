/* SPDX-License-Identifier: MIT
 * A log in memory, and clients of its feeds. */
#include "tests/server/feed_stage.h"

#include <stele/codec.h>

#include "kafka/memory_log.h"
#include "registry/wire.h"
#include "snapshots/format.h"
#include "tests/aggregates/account.h"
#include "tests/support/shelf.h"

/* ---- the log ---- */

void must(stele_status status, const stele_error *err)
{
    if (status < 0) fail_msg("%s", err->text);
}

void stage_open(stage *s, stele_feeds_options options)
{
    stele_error err = {0};
    stele_log_producer_options producer = {.transactional_id = "test"};
    static const char *const topics[] = {EVENTS, STATES};
    must(stele_log_memory_new(NULL, &s->log, &err), &err);
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        stele_log_topic_options topic = {.name = topics[i], .partitions = PARTITIONS};
        must(stele_log_topic_create(s->log, &topic, ASK_MS, &err), &err);
    }
    s->registry = shelf_new("8d4f3c52-0000-7000-8000-000000000001", stele_log_runtime(s->log));
    must(stele_registry_register(s->registry, "booked", stele_text(test_booked_type.schema), NULL,
                                 0, ASK_MS, &s->schema, &err),
         &err);
    must(stele_log_producer_open(s->log, &producer, &s->producer, &err), &err);
    must(stele_log_producer_init(s->producer, EVENTS, ASK_MS, &err), &err);
    options.log = s->log;
    options.registry = s->registry;
    if (options.beat_ms == 0) options.beat_ms = BEAT_MS;
    s->feeds = stele_feeds_new(&options);
}

void stage_close(stage *s)
{
    stele_feeds_free(s->feeds);
    stele_log_producer_close(s->producer);
    stele_registry_close(s->registry);
    stele_log_free(s->log);
    *s = (stage){0};
}

void begin(stage *s)
{
    stele_error err = {0};
    must(stele_log_producer_begin(s->producer, &err), &err);
}

void commit(stage *s)
{
    stele_error err = {0};
    must(stele_log_producer_commit(s->producer, ASK_MS, &err), &err);
}

void put(stage *s, const char *topic, int32_t partition, const char *key, stele_bytes value,
         const stele_header *headers, size_t count)
{
    stele_error err = {0};
    stele_log_entry entry = {.partition = {topic, partition},
                             .key = stele_text(key),
                             .value = value,
                             .headers = headers,
                             .header_count = count};
    must(stele_log_producer_put(s->producer, &entry, &err), &err);
}

static void encode(const stage *s, int64_t cents, stele_buffer *out)
{
    stele_error err = {0};
    stele_wire_begin(out, s->schema);
    must(stele_encode(&test_booked_type, &(test_booked){.cents = cents}, out, &err), &err);
}

void put_event(stage *s, int32_t partition, const char *id, int64_t cents)
{
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    encode(s, cents, &value);
    put(s, EVENTS, partition, id, stele_buffer_view(&value), NULL, 0);
}

void book(stage *s, int64_t cents)
{
    begin(s);
    for (int32_t i = 0; i < PARTITIONS; i++)
        put_event(s, i, "a", cents);
    commit(s);
}

void put_state(stage *s, int32_t partition, const char *id, int64_t version, int64_t cents)
{
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, version, version * 10, false);
    if (cents >= 0) encode(s, cents, &value);
    put(s, STATES, partition, id, cents < 0 ? stele_bytes_of(NULL, 0) : stele_buffer_view(&value),
        headers.list, headers.count);
}

/* ---- a client ---- */

void client_clear(client *c)
{
    stele_http_request_clear(&c->request);
    stele_http_reply_clear(&c->reply);
    stele_buffer_clear(&c->heard);
    stele_monitor_clear(&c->monitor);
}

static void tell(void *self, stele_http_stream *stream)
{
    (void)stream;
    client *c = self;
    stele_monitor_lock(&c->monitor);
    c->is_told = true;
    stele_monitor_wake(&c->monitor);
    stele_monitor_unlock(&c->monitor);
}

static void forget(void *self, stele_http_stream *stream)
{
    (void)self, (void)stream;
}

const stele_feed_subject events = {.topic = EVENTS};
const stele_feed_subject states = {
    .kind = STELE_FEED_STATES, .topic = STATES, .events = EVENTS, .version = 3};

void ask(stage *s, client *c, const stele_feed_subject *subject, const char *target,
         const char *last)
{
    stele_error err = {0};
    stele_monitor_init(&c->monitor, stele_runtime_system());
    must(stele_http_request_parse(STELE_HTTP_GET, target, &c->request, &err), &err);
    c->field = (stele_http_field){"Last-Event-ID", last};
    c->request.fields = &c->field;
    c->request.field_count = last != NULL;
    stele_feed_subject of = *subject;
    of.id = stele_http_request_parameter(&c->request, "id");
    stele_feeds_reply(s->feeds, &of, &c->request, &c->reply);
    if (c->reply.stream != NULL)
        stele_http_stream_attach(c->reply.stream, (stele_http_stream_taker){tell, forget, c}, c);
}

void hear_on(client *c)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    stele_monitor_lock(&c->monitor);
    while (!c->is_told && stele_monitor_wait(&c->monitor, until)) {
    }
    bool is_late = !c->is_told;
    c->is_told = false;
    stele_monitor_unlock(&c->monitor);
    if (is_late) fail_msg("nothing more comes behind\n%s", stele_buffer_text(&c->heard));
    c->is_over = !stele_http_stream_take(c->reply.stream, &c->heard);
}

void hear(client *c, const char *text)
{
    if (c->reply.stream == NULL) fail_msg("%s", c->reply.body);
    c->is_over = !stele_http_stream_take(c->reply.stream, &c->heard);
    while (strstr(stele_buffer_text(&c->heard), text) == NULL && !c->is_over)
        hear_on(c);
}
