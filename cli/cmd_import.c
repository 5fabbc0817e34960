/* SPDX-License-Identifier: MIT
 * `import`: the events of a file that `export` has made, into a topic, perhaps of another cluster
 * with another registry. */
#include "cli/cmd.h"

#include <errno.h>
#include <string.h>

#include "cli/move.h"
#include "core/alloc.h"
#include "registry/client.h"

typedef struct import {
    stele_cli *cli;
    const char *path;
    char *name; /* of the events in messages: the file, and the topic that it was made of */
    FILE *file;
    stele_event_file_reader *reader; /* of the head: it knows what schemas have become */
} import;

static void import_clear(import *i)
{
    stele_event_file_reader_free(i->reader);
    if (i->file != NULL) fclose(i->file);
    free(i->name);
}
STELE_VALUE_SCOPE(import, import_clear);

static stele_status open_file(const char *path, FILE **file, stele_event_file_reader **reader,
                              stele_error *err)
{
    *file = fopen(path, "rbe");
    if (*file == NULL)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno, "%s: %s", path,
                                strerror(errno));
    return stele_event_file_reader_new(*file, path, reader, err);
}

/* All that the file has, in the order in which they were registered. */
static stele_status register_schemas(import *i, const char *topic, stele_error *err)
{
    stele_event_schemas *schemas = stele_event_file_schemas(i->reader);
    stele_registry *registry = stele_client_registry(i->cli->client);
    stele_status status = STELE_OK;
    for (size_t n = 0; status == STELE_OK && n < schemas->count; n++)
        status = stele_event_schemas_register(schemas->items[n], registry, topic,
                                              i->cli->timeout_ms, err);
    return status;
}

static stele_status take_targets(const import *i, stele_event_file_reader *reader, stele_error *err)
{
    const stele_event_schemas *known = stele_event_file_schemas(i->reader);
    stele_event_schemas *schemas = stele_event_file_schemas(reader);
    for (size_t n = 0; n < schemas->count; n++) {
        const stele_event_schema *one = stele_event_schemas_find(known, schemas->items[n]->id);
        if (one == NULL || !stele_schema_equal(one->schema, schemas->items[n]->schema))
            return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                              "%s is another file than a moment ago: run this again", i->path);
        schemas->items[n]->target = one->target;
    }
    return STELE_OK;
}

static stele_status walk_file(void *self, stele_moved_each *each, void *context, stele_error *err)
{
import again = {.path =((import *) self)->path };
    STELE_AUTO_VALUE(import) walked = again;
    stele_status status = open_file(again.path, &walked.file, &walked.reader, err);
    if (status == STELE_OK) status = take_targets(self, walked.reader, err);
    while (status == STELE_OK) {
        stele_moved_event event;
        int got = stele_event_file_next(walked.reader, &event, err);
        if (got <= 0) return (stele_status)got;
        status = each(context, &event, err);
    }
    return status;
}

static stele_status prepare(import *i, const stele_arguments *arguments, stele_cli_topic *topic,
                            stele_error *err)
{
    stele_status status = open_file(i->path, &i->file, &i->reader, err);
    if (status == STELE_OK)
        status =
            stele_cli_find_topic(i->cli, stele_arguments_text(arguments, "to", NULL), topic, err);
    if (status == STELE_OK) status = stele_move_check_topic(topic->name, err);
    if (status == STELE_OK) status = register_schemas(i, topic->name, err);
    if (status == STELE_OK)
        i->name = stele_strdup_format("%s: %s", i->path, stele_event_file_topic(i->reader));
    return status;
}

stele_exit stele_cmd_import(stele_cli *cli, const stele_arguments *arguments)
{
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(import) i = {.cli = cli, .path = stele_arguments_operand(arguments, 0)};
    STELE_AUTO_VALUE(stele_cli_topic) topic = {0};
    stele_error err = {0};
    if (prepare(&i, arguments, &topic, &err) < 0) return stele_cli_fail_error(cli, &err);
    stele_move_source source = {.name = i.name, .walk = walk_file, .self = &i};
    stele_move_counts counts = {0};
    stele_status status = stele_move(cli, &source, &topic, &counts, &err);
    return stele_move_report(cli, &source, &topic, &counts, status, &err);
}
