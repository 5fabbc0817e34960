/* SPDX-License-Identifier: MIT
 * What commands share: messages, files, schemas, the connection. */
#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "projections/configured.h"
#include "core/config.h"
#include "core/names.h"
#include "core/suggest.h"
#include "kafka/partitioner.h"
#include "registry/client.h"

#define SCHEMA_FILE_MAX ((size_t)1 << 20)

/* The line is written at once, so that those of several threads do not mix. */
static void print_line(FILE *out, const char *head, const char *format, va_list arguments)
{
    STELE_AUTO(char) text = stele_strdup_vformat(format, arguments);
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text(head));
    stele_show(&line, stele_text(text));
    stele_buffer_push(&line, '\n');
    fwrite(line.data, 1, line.size, out);
}

void stele_cli_print(FILE *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(out, "", format, arguments);
    va_end(arguments);
}

void stele_cli_print_json(FILE *out, stele_bytes json)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_show_in_json(&line, json);
    stele_buffer_push(&line, '\n');
    fwrite(line.data, 1, line.size, out);
}

stele_exit stele_cli_fail(stele_cli *cli, stele_exit code, const char *format, ...)
{
    STELE_AUTO(char) head = stele_strdup_format("%s: ", cli->app->name);
    va_list arguments;
    va_start(arguments, format);
    print_line(cli->err, head, format, arguments);
    va_end(arguments);
    return code;
}

stele_exit stele_cli_fail_error(stele_cli *cli, const stele_error *err)
{
    return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s", err->text);
}

void stele_cli_say_left_out(stele_cli *cli, stele_partition partition, const stele_error *why)
{
    stele_cli_fail(cli, STELE_EXIT_FOUND, "left out %s/%d: %s", partition.topic,
                   (int)partition.index, why->text);
}

bool stele_cli_is_stray(stele_cli *cli, stele_partition partition, const stele_record *record,
                        int32_t partitions, bool say)
{
    stele_error why;
    if (record->key.data == NULL ||
        stele_log_check_partition(record->key, partition.index, partitions, &why) == STELE_OK)
        return false;
    if (say)
        stele_cli_fail(cli, STELE_EXIT_FOUND, "%s: %s",
                       stele_position_format(partition.topic, partition.index, record->offset).text,
                       why.text);
    return true;
}

stele_exit stele_cli_fail_topic(stele_cli *cli, const char *aggregate, const stele_error *err)
{
    if (err->status != STELE_E_NOT_FOUND) return stele_cli_fail_error(cli, err);
    return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s: %s topics create %s makes it", err->text,
                          cli->app->name, aggregate);
}

stele_client *stele_cli_client(stele_cli *cli)
{
    if (cli->client != NULL) return cli->client;
    const char **overrides = stele_arguments_list(cli->arguments, "override");
    stele_client_options options = {
        .config_file = stele_arguments_text(cli->arguments, "config", NULL),
        .overrides = overrides,
        .name = cli->app->name,
    };
    stele_error err = {0};
    if (stele_client_open(&options, &cli->client, &err) < 0)
        stele_cli_fail(cli, STELE_EXIT_FAILED, "%s", err.text);
    free(overrides);
    return cli->client;
}

const stele_aggregate *stele_cli_aggregate(const stele_cli *cli, const char *name)
{
    const stele_aggregate *const *at = cli->app->aggregates;
    for (; at != NULL && *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0) return *at;
    return NULL;
}

const stele_projection *stele_cli_projection(const stele_cli *cli, const char *name)
{
    const stele_projection *const *at = cli->app->projections;
    for (; at != NULL && *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0) return *at;
    return NULL;
}

static const stele_aggregate *find_writer(const stele_cli *cli, const char *name)
{
    stele_bytes front = stele_text(name);
    stele_writer_name_parse(name, &front);
    STELE_AUTO(char) plain = stele_strndup((const char *)front.data, front.size);
    const stele_aggregate *aggregate = stele_cli_aggregate(cli, plain);
    return aggregate != NULL && stele_aggregate_decides(aggregate) ? aggregate : NULL;
}

void stele_cli_find_fold(const stele_cli *cli, const char *name, stele_cli_fold *out)
{
    *out = (stele_cli_fold){.projection = stele_cli_projection(cli, name)};
    const stele_aggregate *aggregate = out->projection != NULL ? NULL : find_writer(cli, name);
    if (aggregate == NULL) return;
    out->writers = stele_writer_projection_new(aggregate);
    out->projection = out->writers;
    out->limits = stele_remembered_limits_of(aggregate);
    out->companion = stele_remembered_companion(&out->limits);
}

void stele_cli_fold_clear(stele_cli_fold *fold)
{
    stele_writer_projection_free(fold->writers);
    *fold = (stele_cli_fold){0};
}

stele_quoted stele_cli_near_projection(const stele_cli *cli, const char *name)
{
    stele_quoted text = {""};
    stele_suggestion suggestion = {.word = stele_text(name)};
    const stele_projection *const *at = cli->app->projections;
    for (; at != NULL && *at != NULL; at++)
        stele_suggestion_offer(&suggestion, (*at)->name);
    if (suggestion.best != NULL)
        snprintf(text.text, sizeof text.text, "; did you mean %s?", suggestion.best);
    return text;
}

stele_projection stele_cli_configured(const stele_cli *cli, const stele_projection *projection)
{
    return stele_projection_configured(projection, stele_client_config(cli->client));
}

stele_status stele_cli_read_file(stele_cli *cli, const char *path, size_t size_max,
                                 stele_buffer *out, stele_error *err)
{
    FILE *file = strcmp(path, "-") == 0 ? cli->in : fopen(path, "rb");
    if (file == NULL)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno, "%s: %s", path,
                                strerror(errno));
    size_t got;
    do {
        got = fread(stele_buffer_reserve(out, 65536), 1, 65536, file);
        out->size += got;
    } while (got > 0 && out->size <= size_max);
    int failed = ferror(file) != 0 ? errno : 0;
    if (file != cli->in) fclose(file);
    if (failed != 0)
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, failed, "%s: %s", path,
                                strerror(failed));
    if (out->size > size_max)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s: larger than %zu bytes", path,
                          size_max);
    return STELE_OK;
}

static stele_status read_schema(stele_cli *cli, const char *path, stele_schema *const *with,
                                stele_schema **out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_status status = stele_cli_read_file(cli, path, SCHEMA_FILE_MAX, &text, err);
    if (status < 0) return status;
    stele_schema_options options = {.name = path, .with = (const stele_schema *const *)with};
    return stele_schema_parse(stele_buffer_view(&text), &options, out, err);
}

stele_status stele_cli_schema(stele_cli *cli, const stele_arguments *arguments, const char *path,
                              stele_schema_files *out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_schema_files) files = {0};
    const char **with = stele_arguments_list(arguments, "with");
    size_t count = 0;
    while (with[count] != NULL)
        count++;
    files.with = stele_alloc_array(count + 1, sizeof *files.with);
    stele_status status = STELE_OK;
    for (size_t i = 0; i < count && status == STELE_OK; i++)
        status = read_schema(cli, with[i], files.with, &files.with[i], err);
    free(with);
    if (status == STELE_OK) status = read_schema(cli, path, files.with, &files.schema, err);
    if (status < 0) return status;
    *out = files;
    files = (stele_schema_files){0};
    return STELE_OK;
}

void stele_schema_files_clear(stele_schema_files *files)
{
    for (size_t i = 0; files->with != NULL && files->with[i] != NULL; i++)
        stele_schema_free(files->with[i]);
    free(files->with);
    stele_schema_free(files->schema);
    *files = (stele_schema_files){0};
}
