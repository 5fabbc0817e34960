/* SPDX-License-Identifier: MIT
 * `topics copy`: the events of a topic into another one, whose number of partitions may be another.
 */
#include "cli/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "cli/move.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"
#include "registry/wire.h"

typedef struct copy {
    stele_cli *cli;
    stele_log *log;
    stele_cli_topic from, to;
    stele_event_range *ranges; /* of `from`, as it was at the beginning */
    stele_event_schemas schemas;
    stele_moved_each *each; /* of the walk that is going on */
    void *context;
} copy;

static void copy_clear(copy *c)
{
    stele_event_schemas_clear(&c->schemas);
    free(c->ranges);
    stele_cli_topic_clear(&c->from);
    stele_cli_topic_clear(&c->to);
}
STELE_VALUE_SCOPE(copy, copy_clear);

static stele_status find_ends(copy *c, stele_event_range *ranges, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; status == STELE_OK && i < c->from.partitions; i++) {
        ranges[i].partition = i;
        status = stele_log_bounds(c->log, (stele_partition){c->from.name, i}, STELE_READ_COMMITTED,
                                  c->cli->timeout_ms, &ranges[i].from, &ranges[i].until, err);
    }
    return status;
}

/* The ids stay. But what is published later is checked against the schemas of the new subject. */
static stele_status copy_event(void *context, const stele_moved_event *event, stele_error *err)
{
    copy *c = context;
    int32_t id;
    stele_bytes payload;
    if (event->value.data == NULL || !stele_wire_split(event->value, &id, &payload) ||
        stele_event_schemas_find(&c->schemas, id) != NULL)
        return c->each(c->context, event, err);
    stele_registry *registry = stele_client_registry(c->cli->client);
    stele_event_schema *schema;
    stele_deadline until = stele_deadline_after(stele_clock_system(), c->cli->timeout_ms);
    stele_status status =
        stele_event_schemas_ask(&c->schemas, registry, id, until, c->cli->stop, &schema, NULL, err);
    if (status == STELE_OK && schema->schema != NULL)
        status =
            stele_event_schemas_register(schema, registry, c->to.name, c->cli->timeout_ms, err);
    return status < 0 ? status : c->each(c->context, event, err);
}

static stele_status walk_from(void *self, stele_moved_each *each, void *context, stele_error *err)
{
    copy *c = self;
    c->each = each;
    c->context = context;
    stele_topic_walk how = {.log = c->log,
                            .topic = c->from.name,
                            .ranges = c->ranges,
                            .count = (size_t)c->from.partitions,
                            .patience_ms = c->cli->timeout_ms,
                            .stop = c->cli->stop};
    return stele_walk_topic(&how, copy_event, c, err);
}

/* What came meanwhile is not in the copy. */
static stele_exit look_for_more(copy *c)
{
    STELE_AUTO(stele_event_range) now = stele_alloc_array((size_t)c->from.partitions, sizeof *now);
    stele_error err = {0};
    if (find_ends(c, now, &err) < 0) return stele_cli_fail_error(c->cli, &err);
    stele_exit code = STELE_EXIT_DONE;
    for (int32_t i = 0; i < c->from.partitions; i++) {
        if (now[i].until == c->ranges[i].until) continue;
        code = stele_cli_fail(c->cli, STELE_EXIT_FOUND,
                              "%s/%d has gone on: copied up to %s, which is not in "
                              "the copy, and it ends at %" PRId64,
                              c->from.name, (int)i,
                              stele_position_format(c->from.name, i, c->ranges[i].until).text,
                              now[i].until);
    }
    if (code == STELE_EXIT_FOUND)
        stele_cli_print(c->cli->err,
                        "stop what writes to %s and run the same command again: it adds the rest",
                        c->from.name);
    return code;
}

static stele_status prepare(copy *c, const stele_arguments *arguments, stele_error *err)
{
    stele_status status;
    if ((status = stele_cli_find_topic(c->cli, stele_arguments_operand(arguments, 0), &c->from,
                                       err)) < 0 ||
        (status = stele_cli_find_topic(c->cli, stele_arguments_operand(arguments, 1), &c->to,
                                       err)) < 0 ||
        (status = stele_move_check_topic(c->to.name, err)) < 0)
        return status;
    if (strcmp(c->from.name, c->to.name) == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s cannot be copied into itself: name another topic", c->from.name);
    c->ranges = stele_alloc_array((size_t)c->from.partitions, sizeof *c->ranges);
    return find_ends(c, c->ranges, err);
}

stele_exit stele_cmd_topics_copy(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(copy) c = {.cli = cli, .log = stele_client_log(client)};
    stele_error err = {0};
    if (prepare(&c, arguments, &err) < 0) return stele_cli_fail_error(cli, &err);
    stele_move_source source = {.name = c.from.name, .walk = walk_from, .self = &c};
    stele_move_counts counts = {0};
    stele_status status = stele_move(cli, &source, &c.to, &counts, &err);
    stele_exit code = stele_move_report(cli, &source, &c.to, &counts, status, &err);
    return code == STELE_EXIT_DONE ? look_for_more(&c) : code;
}
