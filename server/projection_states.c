/* SPDX-License-Identifier: MIT
 * States of projections: one, or a page of them. */
#include "server/projection_inside.h"

#include <stele/json.h>

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "http/url.h"
#include "kafka/partitioner.h"
#include "projections/configured.h"
#include "projections/query.h"
#include "registry/client.h"
#include "server/http_problem.h"
#include "server/state_reply.h"

enum {
    LIMIT = 100,
    LIMIT_MAX = 1000,
    PAGE_BYTES = 4 << 20,
    PAGES_MAX = 2 /* at once: each of them holds up the events */
};

static void add_wait(const stele_api_question *question, char mark, stele_buffer *target)
{
    if (question->waits_for >= 0)
        stele_buffer_format(
            target, "%cwait=%s", mark,
            stele_position_format(question->of->events, question->waits_for, question->position - 1)
                .text);
}

/* ---- one ---- */

typedef struct one {
    const stele_api_question *question;
    stele_bytes id;
    stele_http_reply *reply;
} one;

static stele_status reply_one(const one *self, const void *state, int64_t version, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    if (state == NULL) {
        stele_state_reply_finished(self->question->of->projection.version, self->id, version,
                                   self->reply);
        return STELE_OK;
    }
    stele_status status =
        stele_json_write(self->question->of->projection.state, state, STELE_JSON_PLAIN, &json, err);
    if (status == STELE_OK)
        stele_state_reply(self->question->request, self->question->of->projection.version, &json,
                          version, self->reply);
    return status;
}

/* @return false: no worker here has it */
static bool ask_here(const one *self, int32_t partition)
{
    const stele_api_question *question = self->question;
    const stele_type *type = question->of->projection.state;
    const stele_state_place place = stele_projection_api_place(question, partition);
    void *state = stele_alloc(type->layout->size);
    stele_state_info info = {0};
    bool is_here;
    stele_error err = {0};
    stele_status status =
        stele_state_ask(question->api->client, &question->of->projection, &place, self->id,
                        question->worker_until, state, &info, &is_here, &err);
    if (status == STELE_OK && is_here)
        status = reply_one(self, info.finished ? NULL : state, info.version, &err);
    bool may_be_beyond = status == STELE_E_TIMED_OUT;
    if (status < 0 && (!may_be_beyond || stele_projection_api_can_come(question, self->reply)))
        stele_api_failure(self->reply, &err);
    stele_value_clear(type, state);
    free(state);
    return status < 0 || is_here;
}

static stele_status take_state(void *context, const stele_query_state *state, stele_error *err)
{
    return reply_one(context, state->state, state->version, err);
}

static void ask_topics(one *self)
{
    const stele_api_question *question = self->question;
    stele_client *client = question->api->client;
    const stele_projection *projection = &question->of->projection;
    const stele_query_options options = {
        .projection = projection,
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .parks = stele_projection_parks(projection, stele_client_config(client)),
        .id = self->id,
        .deadline = question->until,
        .stop = &question->api->stops,
        .each = take_state,
        .context = self};
    stele_error err = {0};
    if (stele_query(&options, &err) < 0) stele_api_failure(self->reply, &err);
}

static bool waits_elsewhere(const stele_api_question *question, int32_t partition,
                            stele_http_reply *reply)
{
    if (question->waits_for < 0 || question->waits_for == partition) return false;
    stele_http_problem(reply, 400, "bad_request",
                       "wait: the position is of partition %d, and the events of this id are in %d",
                       (int)question->waits_for, (int)partition);
    return true;
}

static void answer_one(one *self)
{
    const stele_api_question *question = self->question;
    int32_t partition = stele_log_partition_of(self->id, question->partitions);
    bool is_elsewhere = stele_projection_api_is_elsewhere(question);
    if (waits_elsewhere(question, partition, self->reply) ||
        (!is_elsewhere && ask_here(self, partition)))
        return;
    if (question->way.hops > 0) {
        stele_projection_api_misdirected(question, partition, self->reply);
        return;
    }
    STELE_AUTO(char) segment = stele_url_segment(self->id);
    STELE_AUTO_VALUE(stele_buffer) target = {0};
    stele_buffer_format(&target, "/projections/%s/%s", question->of->projection.name, segment);
    add_wait(question, '?', &target);
    if (stele_projection_api_pass(question, partition, stele_buffer_text(&target), self->reply) ||
        !stele_projection_api_can_come(question, self->reply))
        return;
    if (is_elsewhere)
        stele_projection_api_absent(question, partition, self->reply);
    else
        ask_topics(self);
}

void stele_projection_api_state(void *context, const stele_http_request *request,
                                stele_http_reply *reply)
{
    stele_api_question question;
    if (!stele_projection_api_read(context, request, (const char *[]){"wait", NULL}, &question,
                                   reply))
        return;
    one self = {&question, stele_text(request->segments[STELE_API_PROJECTION_ID_AT]), reply};
    answer_one(&self);
    stele_projection_api_sign(&question, reply);
}

/* ---- a page ---- */

typedef struct page {
    const stele_api_question *question;
    stele_bytes prefix;
    stele_buffer after; /* the last id of it; empty: none */
    int64_t limit;
    int32_t partition; /* that is walked */
    size_t room;       /* states that are still wanted */
    stele_buffer json; /* {"states":[… */
    size_t count;
    bool is_full; /* before there were as many as were wanted */
    stele_error failure;
} page;

static void page_clear(page *of)
{
    stele_buffer_clear(&of->after);
    stele_buffer_clear(&of->json);
}
STELE_VALUE_SCOPE(page, page_clear);

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Ids are of any bytes. */
static bool read_hex(const char *text, stele_buffer *out)
{
    for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
        int high = digit_of(text[0]), low = digit_of(text[1]);
        if (high < 0 || low < 0) return false;
        stele_buffer_push(out, (uint8_t)(high << 4 | low));
    }
    return text[0] == '\0';
}

/* "3.616461": behind that id in partition 3; "3.": from its beginning on. */
static bool read_cursor(page *of, const char *text, stele_http_reply *reply)
{
    const char *dot = text == NULL ? NULL : strchr(text, '.');
    int64_t partition = 0;
    if (text == NULL) return true;
    if (dot != NULL &&
        stele_parse_int64(stele_bytes_of(text, (size_t)(dot - text)), 0,
                          of->question->partitions - 1, &partition, NULL) == STELE_OK &&
        read_hex(dot + 1, &of->after)) {
        of->partition = (int32_t)partition;
        return true;
    }
    stele_http_problem(reply, 400, "bad_request", "cursor=%s: expected what `next` of a page has",
                       stele_quote(stele_text(text)).text);
    return false;
}

/* The path of the page that goes on where this one has come to. */
static char *target_of(const page *of)
{
    STELE_AUTO(char) prefix = stele_url_segment(of->prefix);
    STELE_AUTO_VALUE(stele_buffer) target = {0};
    stele_buffer_format(&target, "/projections/%s?cursor=%d.", of->question->of->projection.name,
                        (int)of->partition);
    for (size_t i = 0; i < of->after.size; i++)
        stele_buffer_format(&target, "%02x", of->after.data[i]);
    if (of->prefix.size > 0) stele_buffer_format(&target, "&prefix=%s", prefix);
    if (of->limit != LIMIT) stele_buffer_format(&target, "&limit=%" PRId64, of->limit);
    add_wait(of->question, '&', &target);
    return stele_strdup(stele_buffer_text(&target));
}

/* @locality the worker's thread */
static void add_state(void *context, stele_bytes id, int64_t version, const void *state)
{
    page *of = context;
    if (of->is_full || of->failure.status < 0) return;
    stele_buffer_append(&of->json, stele_text(of->count == 0 ? "{\"id\":" : ",{\"id\":"));
    stele_show_json(&of->json, id);
    stele_buffer_format(&of->json, ",\"version\":%" PRId64 ",\"data\":", version);
    stele_json_write(of->question->of->projection.state, state, STELE_JSON_PLAIN, &of->json,
                     &of->failure);
    stele_buffer_push(&of->json, '}');
    stele_buffer_reset(&of->after);
    stele_buffer_append(&of->after, id);
    of->count++;
    of->room--;
    of->is_full = of->json.size >= PAGE_BYTES;
}

/* @return false: no worker here has it */
static bool walk(page *of, stele_error *err)
{
    const stele_api_question *question = of->question;
    bool is_here;
    bool has_begun = of->after.size > 0;
    STELE_AUTO_VALUE(stele_buffer) after = {0};
    stele_buffer_append(&after, stele_buffer_view(&of->after));
    const stele_state_page wanted = {.prefix = of->prefix,
                                     .after = has_begun ? stele_buffer_view(&after)
                                                        : stele_bytes_of(NULL, 0),
                                     .limit = of->room,
                                     .each = add_state,
                                     .context = of};
    const stele_state_place place = stele_projection_api_place(question, of->partition);
    stele_status status = stele_states_ask(question->api->client, &question->of->projection, &place,
                                           &wanted, question->worker_until, &is_here, err);
    if (status == STELE_OK) *err = of->failure;
    return err->status < 0 || is_here;
}

static bool is_over(const page *of)
{
    return of->partition == of->question->partitions;
}

static void reply_page(page *of, stele_http_reply *reply)
{
    stele_buffer_push(&of->json, ']');
    if (!is_over(of)) {
        STELE_AUTO(char) next = target_of(of);
        stele_buffer_append(&of->json, stele_text(",\"next\":"));
        stele_show_json(&of->json, stele_text(next));
    }
    stele_buffer_push(&of->json, '}');
    stele_http_reply_text(reply, stele_buffer_text(&of->json), of->json.size);
}

/* Partition after partition, as far as they are here. */
static void fill(page *of, stele_http_reply *reply)
{
    int32_t first = of->partition;
    stele_error err = {0};
    bool is_elsewhere = stele_projection_api_is_elsewhere(of->question);
    while (!is_elsewhere && !is_over(of) && of->room > 0 && !of->is_full && walk(of, &err)) {
        if (err.status < 0) {
            stele_api_failure(reply, &err);
            return;
        }
        if (of->room == 0 || of->is_full) break;
        of->partition++;
        stele_buffer_reset(&of->after);
    }
    if (of->partition != first || of->count > 0) {
        reply_page(of, reply);
    } else if (of->question->way.hops > 0) {
        stele_projection_api_misdirected(of->question, of->partition, reply);
    } else {
        STELE_AUTO(char) target = target_of(of);
        if (stele_projection_api_pass(of->question, of->partition, target, reply)) return;
        stele_projection_api_absent(of->question, of->partition, reply);
    }
}

static void answer_page(page *of, stele_projection_api *api, stele_http_reply *reply)
{
    if (atomic_fetch_add(&api->pages, 1) < PAGES_MAX) {
        stele_buffer_append(&of->json, stele_text("{\"states\":["));
        fill(of, reply);
    } else {
        stele_http_problem(reply, 429, "too_many_requests",
                           "%d pages are made already: each of them holds up the events",
                           PAGES_MAX);
        reply->retry_after_s = 1;
    }
    atomic_fetch_sub(&api->pages, 1);
}

void stele_projection_api_states(void *context, const stele_http_request *request,
                                 stele_http_reply *reply)
{
    static const char *const names[] = {"prefix", "limit", "cursor", "wait", NULL};
    stele_projection_api *api = context;
    stele_api_question question;
    if (!stele_projection_api_read(api, request, names, &question, reply)) return;
    const char *prefix = stele_http_request_parameter(request, "prefix");
    STELE_AUTO_VALUE(page)
    of = {
        .question = &question, .prefix = stele_text(prefix == NULL ? "" : prefix), .limit = LIMIT};
    if (stele_api_number(request, "limit", 1, LIMIT_MAX, &of.limit, reply) &&
        read_cursor(&of, stele_http_request_parameter(request, "cursor"), reply) &&
        stele_projection_api_can_come(&question, reply)) {
        of.room = (size_t)of.limit;
        answer_page(&of, api, reply);
    }
    stele_projection_api_sign(&question, reply);
}
