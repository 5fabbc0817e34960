/* SPDX-License-Identifier: MIT
 * `dlq list` and `dlq show` of a projection: the events that are set aside. */
#include "cli/cmd_dlq.h"

#include <inttypes.h>
#include <string.h>

#include <stele/json.h>

#include "cli/dlq_office.h"
#include "core/date.h"

static void append_time(stele_buffer *line, const char *name, int64_t time_ms)
{
    char text[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(time_ms, STELE_TIME_MILLIS, text);
    stele_office_append(line, name, stele_text(text));
}

static stele_bytes header_of(const stele_dead_event *letter, const char *name)
{
    for (size_t i = letter->header_count; i > 0; i--)
        if (strcmp(letter->headers[i - 1].name, name) == 0) return letter->headers[i - 1].value;
    return (stele_bytes){0};
}

/* By the schema that it was written with; what cannot be read is null. */
static void append_data(stele_office *o, const stele_dead_event *letter)
{
    const stele_type *type;
    const void *value;
    size_t before = o->line.size;
    if (letter->value.data != NULL &&
        stele_value_reader_read(o->reader, letter->value, &type, &value, NULL) == STELE_OK) {
        stele_buffer_format(&o->line, ",\"type\":\"%s\",\"data\":", type->name);
        if (stele_json_write(type, value, STELE_JSON_PLAIN, &o->line, NULL) == STELE_OK) return;
        o->line.size = before;
    }
    stele_buffer_append(&o->line, stele_text(",\"type\":null,\"data\":null"));
}

static void append_record(stele_office *o, const stele_dead_event *letter)
{
    stele_buffer_append(&o->line, stele_text(",\"headers\":{"));
    for (size_t i = 0; i < letter->header_count; i++) {
        if (i > 0) stele_buffer_push(&o->line, ',');
        stele_show_json(&o->line, stele_text(letter->headers[i].name));
        stele_buffer_push(&o->line, ':');
        if (letter->headers[i].value.data == NULL)
            stele_buffer_append(&o->line, stele_text("null"));
        else
            stele_show_json(&o->line, letter->headers[i].value);
    }
    stele_buffer_append(&o->line, stele_text("},\"value\":"));
    if (letter->value.data == NULL) {
        stele_buffer_append(&o->line, stele_text("null"));
        return;
    }
    stele_buffer_push(&o->line, '"');
    for (size_t i = 0; i < letter->value.size; i++)
        stele_buffer_format(&o->line, "%02x", letter->value.data[i]);
    stele_buffer_push(&o->line, '"');
}

static void print_letter(stele_office *o, const stele_office_part *part,
                         const stele_dead_event *letter, bool whole)
{
    stele_buffer_reset(&o->line);
    stele_buffer_format(&o->line, "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\"",
                        part->source.topic == NULL ? "" : part->source.topic, part->source.index,
                        letter->offset);
    stele_office_append(&o->line, "id", letter->key);
    stele_office_append(&o->line, "event_id", header_of(letter, "ce_id"));
    stele_office_append(&o->line, "code", stele_text(stele_dead_state_name(letter->state)));
    stele_office_append(&o->line, "reason",
                        letter->reason[0] == '\0' ? (stele_bytes){0} : stele_text(letter->reason));
    append_time(&o->line, "time", letter->last_failed_ms);
    append_time(&o->line, "first_time", letter->first_failed_ms);
    stele_buffer_format(&o->line, ",\"attempts\":%" PRId32, letter->attempts);
    append_data(o, letter);
    if (whole) append_record(o, letter);
    stele_buffer_push(&o->line, '}');
    stele_cli_print_json(o->cli->out, stele_buffer_view(&o->line));
}

stele_exit stele_dlq_projection_list(stele_cli *cli, const char *name, const char *code)
{
    STELE_AUTO_VALUE(stele_office) o = {.cli = cli, .name = name};
    stele_error err = {0};
    if (stele_office_open(&o, &err) < 0) return stele_cli_fail_error(cli, &err);
    for (size_t p = 0; p < o.count; p++)
        for (size_t i = 0; i < stele_office_letter_count(&o.parts[p]); i++) {
            const stele_dead_event *letter = stele_office_letter(&o.parts[p], i);
            bool wanted = code == NULL ? letter->state != STELE_DEAD_STATE_DISCARDED
                                       : strcmp(code, stele_dead_state_name(letter->state)) == 0;
            if (wanted) print_letter(&o, &o.parts[p], letter, false);
        }
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_dlq_show(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_office)
    o = {.cli = cli, .name = stele_arguments_operand(arguments, 0)};
    stele_error err = {0};
    stele_office_part *part;
    int64_t offset;
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (stele_office_open(&o, &err) < 0 ||
        stele_office_parse(&o, stele_arguments_operand(arguments, 1), &part, &offset, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    const stele_dead_event *letter = stele_office_find(part, offset);
    if (letter == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s: no event of %s is set aside there",
                              stele_arguments_operand(arguments, 1), o.name);
    if (letter->left_out > 0 && stele_office_fetch(&o, part, offset, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    print_letter(&o, part, letter, true);
    return STELE_EXIT_DONE;
}
