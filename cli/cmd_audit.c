/* SPDX-License-Identifier: MIT
 * `audit`: is an events topic what writers and publishers promise? A line for each finding, with
 * its position; what was looked at, and how much was found of each kind, on standard error. */
#include "cli/cmd.h"

#include <inttypes.h>

#include "cli/meter.h"
#include "consumer/audit.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

typedef struct printing {
    stele_cli *cli;
    stele_meter meter;
    int64_t limit; /* lines; 0: all */
    int64_t printed;
    int64_t left_out;
} printing;

static void print_finding(void *context, const stele_audit_finding *finding)
{
    printing *p = context;
    if (p->limit > 0 && p->printed == p->limit) {
        p->left_out++;
        return;
    }
    p->printed++;
    stele_meter_clear(&p->meter);
    const char *kind = stele_audit_kind_name(finding->kind);
    if (!p->cli->json) {
        STELE_AUTO_VALUE(stele_buffer) id = {0};
        if (finding->id.data != NULL)
            stele_buffer_format(&id, "%s: ", stele_quote(finding->id).text);
        stele_cli_print(p->cli->out, "%s/%" PRId32 "/%" PRId64 "  %s  %s%s",
                        finding->partition.topic, finding->partition.index, finding->offset, kind,
                        stele_buffer_text(&id), finding->text);
        return;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line,
                        "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"kind\":\"%s\",\"id\":",
                        finding->partition.topic, finding->partition.index, finding->offset, kind);
    if (finding->id.data == NULL)
        stele_buffer_append(&line, stele_text("null"));
    else
        stele_show_json(&line, finding->id);
    stele_buffer_append(&line, stele_text(",\"text\":"));
    stele_show_json(&line, stele_text(finding->text));
    stele_buffer_push(&line, '}');
    stele_cli_print_json(p->cli->out, stele_buffer_view(&line));
}

static void print_note(void *context, const char *type, int64_t count)
{
    const printing *p = context;
    stele_cli_print(p->cli->err, "note: %" PRId64 " events of type %s, which %s does not list",
                    count, type, p->cli->app->name);
}

static void show_progress(void *context, int64_t done, int64_t total)
{
    printing *p = context;
    p->meter.total = total;
    stele_meter_show(&p->meter, stele_clock_system(), done);
}

static int64_t count_findings(const stele_audit_counts *counts)
{
    int64_t sum = 0;
    for (int kind = 0; kind < STELE_AUDIT_KINDS; kind++)
        sum += counts->findings[kind];
    return sum;
}

static void print_summary(const printing *p, const stele_audit_counts *counts)
{
    FILE *err = p->cli->err;
    STELE_AUTO_VALUE(stele_buffer) found = {0};
    for (int kind = 0; kind < STELE_AUDIT_KINDS; kind++) {
        if (counts->findings[kind] == 0) continue;
        stele_buffer_format(&found, "%s%" PRId64 " %s", found.size > 0 ? ", " : "",
                            counts->findings[kind], stele_audit_kind_name((stele_audit_kind)kind));
    }
    stele_cli_print(err,
                    "%" PRId64 " events of %" PRId64 " aggregates in %" PRId32
                    " partitions: %" PRId64 " findings%s%s%s",
                    counts->events, counts->aggregates, counts->partitions, count_findings(counts),
                    found.size > 0 ? " (" : "", stele_buffer_text(&found),
                    found.size > 0 ? ")" : "");
    if (counts->unversioned > 0)
        stele_cli_print(err,
                        "%" PRId64 " events have no version: they are facts, and whether one is "
                        "missing cannot be seen",
                        counts->unversioned);
    if (counts->no_id > 0)
        stele_cli_print(err,
                        "%" PRId64 " events have no id, so a second one of them is not recognised",
                        counts->no_id);
    if (counts->aborted > 0)
        stele_cli_print(err, "%" PRId64 " records of aborted transactions, which no one sees",
                        counts->aborted);
    if (counts->unnamed > 0)
        stele_cli_print(err, "%" PRId64 " more ids are there twice; their positions are not named",
                        counts->unnamed);
    if (p->left_out > 0)
        stele_cli_print(err, "%" PRId64 " more findings are not printed: --limit 0 prints all",
                        p->left_out);
}

stele_exit stele_cmd_audit(stele_cli *cli, const stele_arguments *arguments)
{
    const char *name = stele_arguments_operand(arguments, 0);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO(char) topic = stele_events_topic(name);
    printing p = {
        .cli = cli,
        .limit = stele_arguments_int(arguments, "limit", 1000),
        .meter = {
            .out = cli->err, .verb = "looked at", .unit = "offsets", .terminal = cli->terminal}};
    stele_audit_options options = {
        .log = stele_client_log(client),
        .registry = stele_client_registry(client),
        .topic = topic,
        .aggregate = stele_cli_aggregate(cli, name),
        .partition = (int32_t)stele_arguments_int(arguments, "partition", STELE_AUDIT_ALL),
        .skip_ids = stele_arguments_flag(arguments, "skip-ids"),
        .settle_ms = 1000 * (int)stele_arguments_int(arguments, "settle", 20),
        .patience_ms = cli->timeout_ms,
        .stop = cli->stop,
        .each = print_finding,
        .note = print_note,
        .progress = show_progress,
        .context = &p,
    };
    stele_meter_begin(&p.meter, stele_clock_system());
    stele_audit_counts counts;
    stele_error err = {0};
    stele_status status = stele_audit(&options, &counts, &err);
    stele_meter_clear(&p.meter);
    if (status == STELE_E_NOT_FOUND && counts.partitions == 0)
        return stele_cli_fail_topic(cli, name, &err);
    if (status == STELE_OK || counts.events > 0) print_summary(&p, &counts);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    return count_findings(&counts) > 0 ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
