/* SPDX-License-Identifier: MIT
 * Finding a projection, and giving orders to its workers. */
#include "cli/control.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sql.h"
#include "consumer/served.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/topic_spec.h"
#include "projections/orders.h"
#include "registry/client.h"

enum { LOOK_MS = 300 };

void stele_control_clear(stele_control *of)
{
    for (size_t i = 0; i < of->source_count; i++)
        free(of->sources[i]);
    free(of->sources);
    free(of->group);
    *of = (stele_control){0};
}

void stele_control_heard_clear(stele_control_heard *heard)
{
    stele_buffer_clear(&heard->behind);
}

/* ---- finding it ---- */

typedef struct search {
    const char *name;
    char *living; /* the version that is reported on; owned */
    char *other;  /* the second one; owned */
    char *known;  /* of this program, or of the configuration; owned */
    char *over;   /* the highest that was reported on once; owned */
    char *served; /* the version that was chosen for readers; owned */
} search;

static void search_clear(search *s)
{
    free(s->living);
    free(s->other);
    free(s->known);
    free(s->over);
    free(s->served);
}
STELE_VALUE_SCOPE(search, search_clear);

static int version_of(const char *group)
{
    stele_projection_name name;
    return stele_projection_group_parse(stele_text(group), &name) ? name.version : 0;
}

static void put(char **at, const char *text)
{
    free(*at);
    *at = stele_strdup(text);
}

static void take_line(void *context, const stele_status_line *line)
{
    search *s = context;
    if (!stele_projection_group_is_of(line->name, s->name)) return;
    if (line->is_over) {
        if (s->over == NULL || version_of(line->name) > version_of(s->over))
            put(&s->over, line->name);
    } else if (s->living == NULL) {
        put(&s->living, line->name);
    } else if (strcmp(s->living, line->name) != 0) {
        put(&s->other, line->name);
    }
}

static void add_source(stele_control *of, const char *topic)
{
    for (size_t i = 0; i < of->source_count; i++)
        if (strcmp(of->sources[i], topic) == 0) return;
    of->sources = stele_realloc_array(of->sources, of->source_count + 2, sizeof(char *));
    of->sources[of->source_count++] = stele_strdup(topic);
    of->sources[of->source_count] = NULL;
}

/* What this program and its configuration have: whose group is it, and what is it made of?
 * @param of  NULL: only the group is asked for */
static void look_at_own(stele_cli *cli, search *s, stele_control *of)
{
    const stele_projection *const *at = cli->app->projections;
    for (; at != NULL && *at != NULL; at++) {
        STELE_AUTO(char) group = stele_projection_group((*at)->name, (*at)->version);
        STELE_AUTO(char) topic = stele_events_topic((*at)->source->name);
        if (of != NULL && strcmp(of->group, group) == 0) add_source(of, topic);
        if (stele_projection_group_is_of(group, s->name)) put(&s->known, group);
    }
    const stele_config *config = stele_client_config(cli->client);
    const char *name;
    for (size_t i = 0; (name = stele_sql_next(config, &i)) != NULL;) {
        STELE_AUTO(stele_sql_program) program = NULL;
        if (stele_sql_read(config, name, &program, NULL) < 0) continue;
        const char *group = stele_sql_program_group(program);
        char **topics = stele_sql_program_file(program)->topics;
        for (; of != NULL && strcmp(of->group, group) == 0 && *topics != NULL; topics++)
            add_source(of, *topics);
        if (stele_projection_group_is_of(group, s->name)) put(&s->known, group);
    }
}

/* Of rows that no one reports on any more, those of a topic that is gone say nothing. */
static void take_source(void *context, const stele_status_line *line)
{
    stele_control *of = context;
    stele_log_topic found;
    if (line->is_over && stele_log_topic_describe(of->log, line->topic, of->cli->timeout_ms, &found,
                                                  NULL) == STELE_E_NOT_FOUND)
        return;
    add_source(of, line->topic);
}

static stele_status read_status(const stele_cli *cli, const char *group, stele_status_each *each,
                                void *context, stele_error *err)
{
    stele_log *log = stele_client_log(cli->client);
    return stele_status_read(log, group,
                             stele_deadline_after(stele_log_clock(log), cli->timeout_ms), each,
                             context, err);
}

static stele_status choose(const search *s, char **group, stele_error *err)
{
    if (s->other != NULL && s->served == NULL)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s and %s are running: name one of them", s->living, s->other);
    const char *chosen = s->other != NULL    ? s->served
                         : s->living != NULL ? s->living
                         : s->known != NULL  ? s->known
                                             : s->over;
    if (chosen == NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "there is no projection %s: this program has none, no [projection] of "
                          "the configuration has SQL for it, and no worker has reported on one",
                          stele_quote(stele_text(s->name)).text);
    stele_projection_name parsed;
    if (!stele_projection_group_parse(stele_text(chosen), &parsed))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is no projection: an aggregate's writer and reactions cannot be "
                          "paused",
                          chosen);
    *group = stele_strdup(chosen);
    return STELE_OK;
}

/* Of two versions that run, the one that readers have is meant, if someone has chosen. */
static stele_status find_served(stele_cli *cli, search *s, stele_error *err)
{
    stele_log *log = stele_client_log(cli->client);
    stele_served served;
    stele_status status = stele_served_read(
        log, s->name, stele_deadline_after(stele_log_clock(log), cli->timeout_ms), &served, err);
    if (status == STELE_OK && served.is_chosen)
        s->served = stele_projection_group(s->name, served.version);
    return status;
}

static stele_status count_partitions(stele_control *of, stele_error *err)
{
    for (size_t i = 0; i < of->source_count; i++) {
        stele_log_topic topic;
        stele_status status =
            stele_log_topic_describe(of->log, of->sources[i], of->cli->timeout_ms, &topic, err);
        if (status < 0) return status;
        if (topic.partitions > of->partitions) of->partitions = topic.partitions;
        if (i == 0) of->replication = topic.replication;
    }
    return STELE_OK;
}

stele_status stele_control_find(stele_cli *cli, const char *name, stele_control *out,
                                stele_error *err)
{
    STELE_AUTO_VALUE(search) s = {.name = name};
    *out = (stele_control){.cli = cli, .log = stele_client_log(cli->client)};
    stele_status status = read_status(cli, NULL, take_line, &s, err);
    if (status < 0) return status;
    if (s.other != NULL && (status = find_served(cli, &s, err)) < 0) return status;
    look_at_own(cli, &s, NULL);
    if ((status = choose(&s, &out->group, err)) < 0) return status;
    look_at_own(cli, &s, out);
    if ((status = read_status(cli, out->group, take_source, out, err)) < 0) return status;
    if (out->source_count == 0)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "the topics that %s was made of are gone: `status forget %s` drops its "
                          "rows",
                          out->group, out->group);
    return count_partitions(out, err);
}

stele_catch_up_options stele_control_catch_up(const stele_control *of)
{
    return (stele_catch_up_options){.log = of->log,
                                    .group = of->group,
                                    .sources = (const char *const *)of->sources,
                                    .source_count = of->source_count,
                                    .timeout_ms = of->cli->timeout_ms};
}

/* ---- giving orders ---- */

stele_status stele_control_ensure(stele_cli *cli, const char *topic, int32_t partitions,
                                  int16_t replication, stele_error *err)
{
    static const stele_topic_setting settings[] = {
        {.name = "cleanup.policy",
         .value = "compact",
         .danger = "orders that no worker has read would be deleted"}};
    stele_log_topic found;
    stele_topic_spec spec = {.name = topic,
                             .partitions = partitions,
                             .replication = replication,
                             .settings = settings,
                             .setting_count = 1};
    stele_deadline until = stele_deadline_after(stele_clock_system(), cli->timeout_ms);
    stele_status status;
    do {
        status =
            stele_topic_ensure(stele_client_log(cli->client), &spec, cli->timeout_ms, &found, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, cli->stop, err));
    if (status < 0 || found.partitions >= partitions) return status;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s has %d partitions and needs %d: add them, as `kafka-topics.sh --alter` "
                      "does",
                      topic, (int)found.partitions, (int)partitions);
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    if (failure != NULL) *(stele_error *)context = *failure;
}

static stele_status put_order(const stele_control *of, stele_log_producer *producer,
                              stele_partition to, const stele_control_order *order,
                              stele_error *err)
{
    char since[24];
    snprintf(since, sizeof since, "%" PRId64, order->since_ms);
    const stele_header headers[] = {
        {STELE_ORDER_SINCE, stele_text(since)},
        {STELE_ORDER_REASON, stele_text(order->reason == NULL ? "" : order->reason)}};
    const stele_log_entry entry = {.partition = to,
                                   .key = stele_text(order->key),
                                   .value = order->value == NULL ? (stele_bytes){0}
                                                                 : stele_text(order->value),
                                   .headers = headers,
                                   .header_count = 2};
    stele_status status;
    while ((status = stele_log_producer_put(producer, &entry, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !atomic_load(of->cli->stop))
        stele_log_producer_poll(producer, 100, NULL);
    return status;
}

stele_status stele_control_give(const stele_control *of, const stele_control_order *order,
                                stele_error *err)
{
    stele_error failure = {0};
    STELE_AUTO(char) topic = stele_control_topic(of->group);
    stele_status status =
        stele_control_ensure(of->cli, topic, of->partitions, of->replication, err);
    if (status < 0) return status;
    const stele_log_producer_options options = {.delivered = on_delivered, .context = &failure};
    STELE_AUTO(stele_log_producer) producer = NULL;
    status = stele_log_producer_open(of->log, &options, &producer, err);
    for (int32_t i = 0; i < of->partitions && status == STELE_OK; i++)
        status = put_order(of, producer, (stele_partition){topic, i}, order, err);
    if (status == STELE_OK) status = stele_log_producer_flush(producer, of->cli->timeout_ms, err);
    if (status == STELE_OK && failure.status < 0) *err = failure;
    return status < 0 ? status : failure.status;
}

/* ---- hearing of it ---- */

typedef struct hearing {
    stele_control_heard *heard;
    stele_control_is_done *is_done;
    const void *context;
} hearing;

static void hear(void *context, const stele_status_line *line)
{
    const hearing *h = context;
    if (line->is_over) return;
    h->heard->partitions++;
    if (h->is_done(h->context, line)) return;
    stele_buffer_format(&h->heard->behind, "%s%s/%d (%s: %s%s%s)", h->heard->left > 0 ? ", " : "",
                        line->topic, (int)line->partition, line->instance,
                        stele_partition_state_name(line->state),
                        line->reason[0] == '\0' ? "" : ": ", line->reason);
    h->heard->left++;
}

stele_status stele_control_await(const stele_control *of, stele_control_is_done *is_done,
                                 const void *context, stele_control_heard *out, stele_error *err)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), of->cli->timeout_ms);
    for (;;) {
        out->partitions = out->left = 0;
        stele_buffer_reset(&out->behind);
        hearing h = {out, is_done, context};
        stele_status status = read_status(of->cli, of->group, hear, &h, err);
        if (status < 0) return status;
        if (out->left == 0 || stele_deadline_passed(until)) return STELE_OK;
        if (atomic_load(of->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        stele_sleep_ms(stele_log_runtime(of->log), LOOK_MS);
    }
}

stele_exit stele_control_say(const stele_control *of, stele_control_heard *heard, const char *done)
{
    stele_cli *cli = of->cli;
    if (heard->left > 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "%s: %zu of %zu partitions have not said yet that they are %s: %s; "
                              "the order stands, and is followed as soon as a worker hears of it",
                              of->group, heard->left, heard->partitions, done,
                              stele_buffer_text(&heard->behind));
    if (cli->json) {
        STELE_AUTO_VALUE(stele_buffer) line = {0};
        stele_buffer_append(&line, stele_text("{\"projection\":"));
        stele_show_json(&line, stele_text(of->group));
        stele_buffer_format(&line, ",\"state\":\"%s\",\"partitions\":%zu}", done,
                            heard->partitions);
        stele_cli_print_json(cli->out, stele_buffer_view(&line));
    } else if (heard->partitions == 0) {
        stele_cli_print(cli->out, "%s is %s; no worker of it runs", of->group, done);
    } else {
        stele_cli_print(cli->out, "%s is %s: %zu partition%s", of->group, done, heard->partitions,
                        heard->partitions == 1 ? "" : "s");
    }
    return STELE_EXIT_DONE;
}
