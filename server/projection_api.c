/* SPDX-License-Identifier: MIT
 * Routes, what is asked, and asking another instance. */
#include "server/projection_inside.h"

#include <inttypes.h>
#include <string.h>

#include "aggregates/courier.h"
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "projections/configured.h"
#include "registry/client.h"
#include "server/http_problem.h"

#define GROUP_FIELD "Stele-Projection"

enum {
    TIMEOUT_MS = 30000,
    ASK_MS = 2000,     /* one question to the broker */
    WHY_MS = 500,      /* of the time of a request, for the last one; a quarter of it at most */
    PASS_MS = 2000,    /* another instance has so long; then the topics are read … */
    PASS_ON_MS = 8000, /* … or, where only others have the version, others are asked again */
    PASS_AGAIN_MS = 200
};

/* ---- what is asked ---- */

static const stele_api_projection *find_named(const stele_projection_api *api, const char *name,
                                              int version)
{
    for (size_t i = 0; i < api->count; i++) {
        const stele_projection *at = &api->projections[i].projection;
        if (strcmp(at->name, name) == 0 && (version == 0 || version == at->version))
            return &api->projections[i];
    }
    return NULL;
}

const stele_api_projection *stele_projection_api_find(const stele_projection_api *api,
                                                      const stele_http_request *request,
                                                      int *version, stele_http_reply *reply)
{
    const char *name = request->segments[STELE_API_PROJECTION_AT];
    const stele_api_projection *any = find_named(api, name, 0);
    if (any != NULL) {
        int served = stele_served_versions_find(api->served, name);
        const stele_api_projection *found = served == 0 ? any : find_named(api, name, served);
        *version = served == 0 ? any->projection.version : served;
        return found != NULL ? found : any;
    }
    STELE_AUTO_VALUE(stele_buffer) names = {0};
    for (size_t i = 0; i < api->count; i++)
        stele_buffer_format(&names, "%s%s", i == 0 ? "" : ", ",
                            api->projections[i].projection.name);
    stele_http_problem(reply, 404, "unknown_projection",
                       "no projection %s has its states in memory here, these do: %s",
                       stele_quote(stele_text(name)).text, stele_buffer_text(&names));
    return NULL;
}

/* A worker here knows, else the broker does. */
static bool find_partitions(stele_api_question *question, stele_http_reply *reply)
{
    const stele_api_projection *of = question->of;
    stele_client *client = question->api->client;
    question->partitions =
        stele_post_count(stele_client_post(client), of->group, of->projection.state);
    if (question->partitions > 0) return true;
    stele_log_topic topic;
    stele_error err = {0};
    if (stele_log_topic_describe(stele_client_log(client), of->events,
                                 stele_deadline_remaining_ms(question->until, ASK_MS), &topic,
                                 &err) < 0) {
        stele_api_failure(reply, &err);
        return false;
    }
    question->partitions = topic.partitions;
    return true;
}

static bool read_wait(stele_api_question *question, stele_http_reply *reply)
{
    const char *text = stele_http_request_parameter(question->request, "wait");
    stele_bytes topic;
    int64_t offset;
    question->waits_for = -1;
    if (text == NULL) return true;
    if (stele_position_parse(stele_text(text), &topic, &question->waits_for, &offset) &&
        stele_bytes_equal(topic, stele_text(question->of->events)) &&
        question->waits_for < question->partitions && offset < INT64_MAX) {
        question->position = offset + 1;
        return true;
    }
    stele_http_problem(reply, 400, "bad_request",
                       "wait=%s: expected the position of an event of %s, such as %s/0/120, with a "
                       "partition below %d",
                       stele_quote(stele_text(text)).text, question->of->events,
                       question->of->events, (int)question->partitions);
    return false;
}

bool stele_projection_api_read(const stele_projection_api *api, const stele_http_request *request,
                               const char *const *names, stele_api_question *out,
                               stele_http_reply *reply)
{
    *out = (stele_api_question){.api = api, .request = request};
    out->of = stele_projection_api_find(api, request, &out->version, reply);
    if (out->of == NULL || !stele_api_parameters(request, names, reply) ||
        !stele_api_way_read(request, api->timeout_ms, &out->way, reply))
        return false;
    /* Whoever has passed it on has seen which version is wanted, and sees which one has answered.
     */
    if (out->way.hops > 0) out->version = out->of->projection.version;
    stele_clock clock = stele_log_clock(stele_client_log(api->client));
    int time_ms = out->way.timeout_ms;
    out->until = stele_deadline_after(clock, time_ms);
    out->worker_until =
        stele_deadline_after(clock, time_ms - (time_ms < 4 * WHY_MS ? time_ms / 4 : WHY_MS));
    return find_partitions(out, reply) && read_wait(out, reply);
}

stele_state_place stele_projection_api_place(const stele_api_question *question, int32_t partition)
{
    bool is_known = question->waits_for == partition;
    return (stele_state_place){.partition = partition,
                               .position = is_known ? question->position : STELE_OFFSET_NONE,
                               .stop = &question->api->stops};
}

bool stele_projection_api_can_come(const stele_api_question *question, stele_http_reply *reply)
{
    if (question->waits_for < 0) return true;
    const stele_partition source = {question->of->events, question->waits_for};
    int64_t start, end;
    stele_error err = {0};
    if (stele_log_bounds(stele_client_log(question->api->client), source, STELE_READ_COMMITTED,
                         stele_deadline_remaining_ms(question->until, ASK_MS), &start, &end,
                         &err) < 0) {
        stele_api_failure(reply, &err);
        return false;
    }
    if (question->position <= end) return true;
    stele_http_problem(reply, 400, "bad_request",
                       "wait: %s/%d ends at offset %" PRId64 ": there is no event at %" PRId64,
                       source.topic, (int)source.index, end, question->position - 1);
    return false;
}

/* Of the version that answers. @return owned */
static char *group_of(const stele_api_question *question)
{
    return stele_projection_group(question->of->projection.name, question->version);
}

void stele_projection_api_sign(const stele_api_question *question, stele_http_reply *reply)
{
    STELE_AUTO(char) group = group_of(question);
    stele_http_reply_field(reply, GROUP_FIELD, "%s", group);
}

bool stele_projection_api_is_elsewhere(const stele_api_question *question)
{
    return question->version != question->of->projection.version;
}

void stele_projection_api_absent(const stele_api_question *question, int32_t partition,
                                 stele_http_reply *reply)
{
    STELE_AUTO(char) group = group_of(question);
    bool is_elsewhere = stele_projection_api_is_elsewhere(question);
    stele_http_problem(reply, 503, "unavailable",
                       "no instance that can be asked has %s of %s/%d: `status` shows who has it%s",
                       group, question->of->events, (int)partition,
                       is_elsewhere ? ", and `switch` lets readers have another version" : "");
    reply->retry_after_s = 1;
}

void stele_projection_api_misdirected(const stele_api_question *question, int32_t partition,
                                      stele_http_reply *reply)
{
    stele_http_problem(reply, STELE_MISDIRECTED, "not_owner",
                       "this instance does not have %s of %s/%d", question->of->group,
                       question->of->events, (int)partition);
}

/* ---- asking another instance ---- */

typedef struct passing {
    stele_monitor monitor;
    bool is_answered;
    long code;
    stele_buffer body;
    stele_buffer tag;
    stele_buffer group; /* of the projection that answers */
} passing;

/* @locality the agent's thread */
static void on_answer(void *context, const stele_agent_answer *answer, const stele_error *failure)
{
    passing *self = context;
    stele_bytes tag;
    stele_monitor_lock(&self->monitor);
    self->code = failure == NULL ? answer->code : 0;
    stele_buffer_append(&self->body, answer->body);
    if (stele_agent_field(answer, "ETag", &tag)) stele_buffer_append(&self->tag, tag);
    if (stele_agent_field(answer, GROUP_FIELD, &tag)) stele_buffer_append(&self->group, tag);
    self->is_answered = true;
    stele_monitor_wake(&self->monitor);
    stele_monitor_unlock(&self->monitor);
}

/* The agent ends it in time. */
static void ask(const stele_api_question *question, const char *address, const char *target,
                passing *self)
{
    const stele_projection_api *api = question->api;
    int timeout_ms = stele_deadline_remaining_ms(question->until, PASS_MS);
    if (timeout_ms < 1) timeout_ms = 1; /* 0 is no limit */
    STELE_AUTO(char) url = stele_strdup_format("http://%s%s", address, target);
    STELE_AUTO(char) hops = stele_strdup_format(STELE_HOPS_FIELD ": %d", question->way.hops + 1);
    STELE_AUTO(char) timeout = stele_strdup_format(STELE_TIMEOUT_FIELD ": %d", timeout_ms);
    const char *known = stele_http_request_field(question->request, "If-None-Match");
    STELE_AUTO(char) tags = stele_strdup_format("If-None-Match: %s", known == NULL ? "" : known);
    const char *fields[] = {hops, timeout, known == NULL ? NULL : tags, NULL};
    const stele_agent_request request = {
        .method = "GET", .url = url, .fields = fields, .timeout_ms = timeout_ms};
    api->agent.ops->ask(api->agent.self, &request, on_answer, self);
    stele_deadline never = stele_deadline_after(question->until.clock, -1);
    stele_monitor_lock(&self->monitor);
    while (!self->is_answered)
        stele_monitor_wait(&self->monitor, never);
    stele_monitor_unlock(&self->monitor);
}

/* What it says of what was asked, if it is who it is taken for; not that it cannot say it.
 * @return false: another has to */
static bool take_answer(const stele_api_question *question, passing *self, stele_http_reply *reply)
{
    static const long answers[] = {200, 304, 400, 404, 410};
    bool is_answer = false;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        is_answer = is_answer || self->code == answers[i];
    STELE_AUTO(char) group = group_of(question);
    if (!is_answer || strcmp(stele_buffer_text(&self->group), group) != 0) return false;
    if (self->code != 304)
        stele_http_reply_text(reply, stele_buffer_text(&self->body), self->body.size);
    reply->code = (unsigned)self->code;
    if (self->code >= 400) reply->content_type = "application/problem+json";
    if (self->tag.size > 0)
        stele_http_reply_field(reply, "ETag", "%s", stele_buffer_text(&self->tag));
    return true;
}

static bool pass_once(const stele_api_question *question, int32_t partition, const char *target,
                      stele_http_reply *reply)
{
    const stele_projection_api *api = question->api;
    const stele_partition source = {question->of->events, partition};
    STELE_AUTO(char) group = group_of(question);
    stele_place place;
    if (question->way.hops > 0 || atomic_load(&api->stops) ||
        !stele_places_find(api->places, group, source, &place) ||
        stele_deadline_passed(question->until))
        return false;
    if (place.is_stopped) {
        stele_http_problem(reply, 503, STELE_STOPPED_CODE, "%s of %s/%d is stopped: %s", group,
                           source.topic, (int)partition, place.reason);
        return true;
    }
    const char *address = place.address;
    bool is_here = strcmp(address, api->address) == 0; /* and was not found here */
    passing self = {0};
    bool is_taken = false;
    stele_monitor_init(&self.monitor, stele_log_runtime(stele_client_log(api->client)));
    if (!is_here) {
        ask(question, address, target, &self);
        is_taken = take_answer(question, &self, reply);
    }
    if (!is_taken) stele_places_doubt(api->places);
    if (!is_here && self.code == 0) stele_places_shun(api->places, address);
    stele_monitor_clear(&self.monitor);
    stele_buffer_clear(&self.body);
    stele_buffer_clear(&self.tag);
    stele_buffer_clear(&self.group);
    return is_taken;
}

bool stele_projection_api_pass(const stele_api_question *question, int32_t partition,
                               const char *target, stele_http_reply *reply)
{
    const stele_projection_api *api = question->api;
    bool is_elsewhere = stele_projection_api_is_elsewhere(question);
    int most_ms = stele_deadline_remaining_ms(question->until, PASS_ON_MS);
    stele_deadline until = stele_deadline_after(question->until.clock, most_ms);
    while (!pass_once(question, partition, target, reply)) {
        if (!is_elsewhere || question->way.hops > 0 || atomic_load(&api->stops) ||
            stele_deadline_passed(until))
            return false;
        stele_sleep_ms(stele_log_runtime(stele_client_log(api->client)), PASS_AGAIN_MS);
    }
    return true;
}

/* ---- the API ---- */

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {"projections", "*"}, stele_projection_api_states, STELE_HTTP_WAITS},
    {STELE_HTTP_GET,
     {"projections", "*", "changes"},
     stele_projection_api_changes,
     STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"projections", "*", "*"}, stele_projection_api_state, STELE_HTTP_WAITS},
};

static void interrupt(void *context)
{
    stele_projection_api *api = context;
    atomic_store(&api->stops, true);
    stele_feeds_interrupt(api->feeds);
}

stele_http_api stele_projection_api_routes(stele_projection_api *api)
{
    return (stele_http_api){.routes = routes,
                            .count = sizeof routes / sizeof routes[0],
                            .context = api,
                            .interrupt = interrupt};
}

stele_projection_api *stele_projection_api_new(const stele_projection_api_options *options)
{
    const stele_config *config = stele_client_config(options->client);
    const stele_projection *const *all = options->projections;
    stele_projection_api *api = stele_alloc(sizeof *api);
    size_t count = 0;
    while (all != NULL && all[count] != NULL)
        count++;
    api->projections = stele_alloc_array(count, sizeof *api->projections);
    for (; api->count < count; api->count++) {
        stele_api_projection *of = &api->projections[api->count];
        of->projection = stele_projection_configured(all[api->count], config);
        of->group = stele_projection_group(of->projection.name, of->projection.version);
        of->events = stele_events_topic(of->projection.source->name);
        if (stele_config_text(config, "projection", of->projection.name, "store") == NULL)
            of->snapshots = stele_snapshots_topic(of->projection.name, of->projection.version);
    }
    api->client = options->client;
    api->address = stele_strdup(options->address);
    api->agent = options->agent;
    api->feeds = options->feeds;
    stele_own_version *own = stele_alloc_array(count, sizeof *own);
    for (size_t i = 0; i < count; i++)
        own[i] =
            (stele_own_version){api->projections[i].projection.name,
                                api->projections[i].projection.version, api->projections[i].events};
    api->served = stele_served_versions_new(stele_client_log(options->client), own, count);
    free(own);
    api->places = stele_places_new(stele_client_log(options->client));
    api->timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS : options->timeout_ms;
    return api;
}

void stele_projection_api_free(stele_projection_api *api)
{
    if (api == NULL) return;
    for (size_t i = 0; i < api->count; i++) {
        free(api->projections[i].group);
        free(api->projections[i].events);
        free(api->projections[i].snapshots);
    }
    free(api->projections);
    stele_places_free(api->places);
    stele_served_versions_free(api->served);
    free(api->address);
    free(api);
}
