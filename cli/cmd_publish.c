/* SPDX-License-Identifier: MIT
 * `publish`: records of a file as events. A bad line is reported with its number and the rest goes
 * on; an interruption flushes and says where to continue. */
#include "cli/cmd.h"

#include <stele/publisher.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregates/aggregate.h"
#include "cli/meter.h"
#include "cli/record_source.h"
#include "cli/tally.h"
#include "core/alloc.h"
#include "core/deadline.h"
#include "core/suggest.h"

enum {
    STEP_MS = 100,       /* a wait looks at the stop flag that often */
    INTERRUPTED_MS = 400 /* for what is queued, once a signal has come */
};

typedef struct publication {
    stele_cli *cli;
    const char *file_name; /* for messages */
    FILE *file;
    stele_schema_files schema;
    stele_type *type;
    const stele_member *key;
    stele_record_source *source;
    stele_publisher *publisher;
    void *value;
    stele_meter meter;
    stele_tally bad_lines, failed_lines;
    int64_t taken;     /* records read from the file, the skipped ones too */
    int64_t delivered; /* acknowledged */
    int64_t bad;       /* lines refused */
    int64_t failed;    /* events that the broker did not take */
    bool bad_ends;     /* --strict: nothing was published after the bad line */
} publication;

static void publication_clear(publication *p)
{
    stele_record_source_free(p->source);
    stele_type_free(p->type);
    stele_schema_files_clear(&p->schema);
    if (p->file != NULL && p->file != p->cli->in) fclose(p->file);
    free(p->value);
    stele_tally_clear(&p->bad_lines);
    stele_tally_clear(&p->failed_lines);
}
STELE_VALUE_SCOPE(publication, publication_clear);

static void on_delivered(void *context, const stele_delivery *delivery)
{
    publication *p = context;
    if (delivery->failure == NULL) {
        p->delivered++;
        return;
    }
    p->failed++;
    stele_meter_clear(&p->meter);
    STELE_AUTO(char) text = stele_strdup_format("not taken: %s", delivery->failure->text);
    stele_tally_add(&p->failed_lines, p->cli->err, p->file_name,
                    (int64_t)(intptr_t)delivery->opaque, text);
}

static const stele_member *find_field(const stele_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->layout->count; i++)
        if (strcmp(type->layout->members[i].name, name) == 0) return &type->layout->members[i];
    return NULL;
}

static stele_status fail_field(const stele_type *type, const char *name, stele_error *err)
{
    stele_suggestion suggestion = {.word = stele_text(name)};
    for (uint32_t i = 0; i < type->layout->count; i++)
        stele_suggestion_offer(&suggestion, type->layout->members[i].name);
    bool is_near = suggestion.best != NULL;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "--key %s: %s has no such field%s%s%s",
                      name, type->name, is_near ? "; did you mean " : "",
                      is_near ? suggestion.best : "", is_near ? "?" : "");
}

static stele_status find_key(publication *p, const stele_arguments *arguments, stele_error *err)
{
    const char *name = stele_arguments_text(arguments, "key", NULL);
    if (p->type->layout->kind != STELE_KIND_RECORD)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--schema %s: an event is a record, and this is of type %s",
                          stele_arguments_text(arguments, "schema", NULL), p->type->name);
    p->key = find_field(p->type, name);
    if (p->key == NULL) return fail_field(p->type, name, err);
    if (p->key->flag_offset != STELE_NO_FLAG || p->key->layout->kind != STELE_KIND_STRING)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "--key %s: the field must be a string that is never null", name);
    return STELE_OK;
}

/* "csv" or "json", as said or as the file's name says; NULL: neither */
static const char *format_of(const stele_arguments *arguments)
{
    static const char *const endings[][2] = {
        {".csv", "csv"}, {".json", "json"}, {".jsonl", "json"}, {".ndjson", "json"}};
    const char *path = stele_arguments_operand(arguments, 1);
    const char *said = stele_arguments_text(arguments, "format", NULL);
    if (said != NULL) return said;
    if (path == NULL || strcmp(path, "-") == 0) return "json";
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending != NULL && i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(ending, endings[i][0]) == 0) return endings[i][1];
    return NULL;
}

static stele_status open_source(publication *p, const stele_arguments *arguments, stele_error *err)
{
    const char *path = stele_arguments_operand(arguments, 1);
    if (path == NULL) path = "-";
    p->file_name = strcmp(path, "-") == 0 ? "standard input" : path;
    p->file = strcmp(path, "-") == 0 ? p->cli->in : fopen(path, "rb");
    if (p->file == NULL)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, errno, "%s: %s", path,
                                strerror(errno));
    bool csv = strcmp(format_of(arguments), "csv") == 0;
    p->source = csv ? NULL : stele_record_source_json(p->file, p->type);
    if (!csv) return STELE_OK;
    stele_error why;
    stele_status status = stele_record_source_csv(p->file, p->type, &p->source, &why);
    if (status < 0) return stele_fail(err, status, why.next, "%s: %s", p->file_name, why.text);
    return STELE_OK;
}

/* What stele_publisher_publish asks the broker, without one, where the program knows it. */
static stele_status check_facts(const publication *p, const stele_arguments *arguments,
                                stele_error *err)
{
    const stele_aggregate *aggregate =
        stele_cli_aggregate(p->cli, stele_arguments_operand(arguments, 0));
    if (aggregate == NULL || !stele_aggregate_decides(aggregate)) return STELE_OK;
    return stele_fail(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP,
                      "publish: aggregate %s decides, so its events are appended by its writer "
                      "alone: send it commands",
                      aggregate->name);
}

static stele_status prepare(publication *p, const stele_arguments *arguments, stele_error *err)
{
    const char *schema = stele_arguments_text(arguments, "schema", NULL);
    stele_status status;
    if ((status = check_facts(p, arguments, err)) < 0 ||
        (status = stele_cli_schema(p->cli, arguments, schema, &p->schema, err)) < 0 ||
        (status = stele_type_new(p->schema.schema, &p->type, err)) < 0 ||
        (status = find_key(p, arguments, err)) < 0 || (status = open_source(p, arguments, err)) < 0)
        return status;
    p->value = stele_alloc(p->type->layout->size);
    const char *headers = stele_arguments_text(arguments, "headers", NULL);
    stele_publisher_options options = {
        .aggregate = stele_arguments_operand(arguments, 0),
        .headers = headers == NULL                       ? STELE_HEADERS_CONFIGURED
                   : strcmp(headers, "cloudevents") == 0 ? STELE_HEADERS_CLOUDEVENTS
                                                         : STELE_HEADERS_MINIMAL,
        .timeout_ms = p->cli->timeout_ms,
        .delivered = on_delivered,
        .context = p,
    };
    return stele_publisher_open(p->cli->client, &options, &p->publisher, err);
}

static void report_line(publication *p, const stele_error *err)
{
    p->bad++;
    stele_meter_clear(&p->meter);
    stele_tally_add(&p->bad_lines, p->cli->err, p->file_name, stele_record_source_line(p->source),
                    err->text);
}

static int64_t answered(const publication *p)
{
    return p->delivered + p->failed;
}

/* Queue one event. While the queue is full it waits, as long as events are taken: without any for
 * --timeout it gives up. */
static stele_status publish_value(publication *p, stele_error *err)
{
    stele_clock clock = stele_clock_system();
    stele_deadline deadline = stele_deadline_after(clock, p->cli->timeout_ms);
    int64_t before = answered(p);
    stele_bytes id;
    memcpy(&id, (const char *)p->value + p->key->offset, sizeof id);
    stele_publish_options options = {.opaque =
                                         (void *)(intptr_t)stele_record_source_line(p->source)};
    for (;;) {
        stele_status status =
            stele_publisher_publish(p->publisher, id, p->type, p->value, &options, err);
        if (status == STELE_OK || err->next != STELE_NEXT_RETRY) return status;
        if (status == STELE_E_NOT_FOUND) return status; /* a misspelt name is not waited for */
        stele_error why = *err; /* the queue is full, or the broker or the registry is away */
        if (atomic_load(p->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        if ((status = stele_publisher_poll(p->publisher, 100, err)) < 0 &&
            err->next != STELE_NEXT_RETRY)
            return status;
        if (answered(p) > before) {
            before = answered(p);
            deadline = stele_deadline_after(clock, p->cli->timeout_ms);
        } else if (stele_deadline_passed(deadline) && why.status != STELE_E_FULL) {
            *err = why;
            err->next = STELE_NEXT_STOP;
            return why.status;
        } else if (stele_deadline_passed(deadline)) {
            return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_STOP,
                              "no event was taken for %d s: %s", p->cli->timeout_ms / 1000,
                              why.text);
        }
    }
}

/* Deliver what is queued, on the same terms. */
static stele_status finish(publication *p, stele_error *err)
{
    int64_t before;
    stele_status status;
    stele_deadline patience = stele_deadline_after(stele_clock_system(), p->cli->timeout_ms);
    do {
        before = answered(p);
        status = stele_publisher_flush(p->publisher, STEP_MS, NULL);
        if (answered(p) > before)
            patience = stele_deadline_after(stele_clock_system(), p->cli->timeout_ms);
    } while (status == STELE_E_TIMED_OUT && !stele_deadline_passed(patience) &&
             !atomic_load(p->cli->stop));
    int left_ms = status == STELE_E_TIMED_OUT && atomic_load(p->cli->stop) ? INTERRUPTED_MS : 0;
    return stele_publisher_close(p->publisher, left_ms, err);
}

/* @return STELE_OK at the end of the file, or what ended it before */
static stele_status publish_all(publication *p, int64_t skip, bool strict, stele_error *err)
{
    for (;;) {
        if (atomic_load(p->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        memset(p->value, 0, p->type->layout->size);
        int got = stele_record_source_next(p->source, p->value, err);
        if (got == 0) return STELE_OK;
        if (got < 0 && err->next != STELE_NEXT_REJECT) {
            stele_error why = *err;
            return stele_fail_cause(err, (stele_status)got, why.next, why.cause, "%s: %s",
                                    p->file_name, why.text);
        }
        bool skipped = p->taken++ < skip;
        if (skipped) continue;
        stele_status status = got < 0 ? (stele_status)got : publish_value(p, err);
        if (status < 0 && err->next != STELE_NEXT_REJECT) {
            p->taken--;
            return status;
        }
        if (status < 0) {
            report_line(p, err);
            if (strict) {
                p->bad_ends = true;
                p->taken--; /* fixed, it is the first to be published */
                return status;
            }
        }
        if (p->taken % 256 == 0) {
            stele_publisher_poll(p->publisher, 0, NULL);
            stele_meter_show(&p->meter, stele_clock_system(), p->delivered);
        }
    }
}

static void print_summary(publication *p, stele_status status)
{
    if (p->cli->json) {
        fprintf(p->cli->out,
                "{\"published\":%" PRId64 ",\"bad\":%" PRId64 ",\"failed\":%" PRId64
                ",\"taken\":%" PRId64 "}\n",
                p->delivered, p->bad, p->failed, p->taken);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    if (p->bad > 0)
        stele_buffer_format(&line, ", %" PRId64 " bad line%s", p->bad, p->bad == 1 ? "" : "s");
    if (p->failed > 0) stele_buffer_format(&line, ", %" PRId64 " not taken", p->failed);
    stele_cli_print(p->cli->err, "%s: %" PRId64 " event%s published%s", p->file_name, p->delivered,
                    p->delivered == 1 ? "" : "s", stele_buffer_text(&line));
    if (status == STELE_OK || p->taken == 0) return;
    if (p->failed == 0)
        fprintf(p->cli->err, "%scontinue with --skip %" PRId64 "\n",
                p->bad_ends ? "fix that line and " : "", p->taken);
    else
        fprintf(p->cli->err,
                "events that were not taken are somewhere before record %" PRId64
                ": compare with `tail` before you publish again\n",
                p->taken);
}

stele_exit stele_cmd_publish(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(publication) p = {.cli = cli};
    stele_error err = {0};
    if (format_of(arguments) == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "publish: %s ends neither in .csv nor in .json: say --format",
                              stele_arguments_operand(arguments, 1));
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (prepare(&p, arguments, &err) < 0) return stele_cli_fail_error(cli, &err);
    p.meter = (stele_meter){
        .out = cli->err, .verb = "published", .unit = "events", .terminal = cli->terminal};
    stele_meter_begin(&p.meter, stele_clock_system());

    stele_status status = publish_all(&p, stele_arguments_int(arguments, "skip", 0),
                                      stele_arguments_flag(arguments, "strict"), &err);
    stele_error close_error = {0};
    stele_status closed = finish(&p, &close_error);
    stele_meter_clear(&p.meter);
    stele_tally_print(&p.bad_lines, cli->err, p.file_name);
    stele_tally_print(&p.failed_lines, cli->err, p.file_name);
    if (status < 0 && err.next != STELE_NEXT_REJECT)
        stele_cli_fail_topic(cli, stele_arguments_operand(arguments, 0), &err);
    if (closed < 0) stele_cli_fail_error(cli, &close_error);
    print_summary(&p, status);
    bool clean = status == STELE_OK && closed == STELE_OK && p.bad == 0 && p.failed == 0;
    return clean ? STELE_EXIT_DONE : STELE_EXIT_FAILED;
}
