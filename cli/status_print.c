/* SPDX-License-Identifier: MIT
 * Rows of the status as JSON and as a table. */
#include "cli/status_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/alloc.h"
#include "core/text.h"

static int64_t lag_of(const stele_status_shown *r)
{
    if (r->end < 0 || r->position < 0) return -1;
    return r->end > r->position ? r->end - r->position : 0;
}

/* Seconds until it is at the end at its present rate; -1: not to be said. */
static int64_t seconds_left(const stele_status_shown *r)
{
    int64_t lag = lag_of(r);
    if (lag == 0) return 0;
    return lag < 0 || r->rate <= 0 ? -1 : (int64_t)((double)lag / r->rate) + 1;
}

static void append_number(stele_buffer *line, const char *name, int64_t number)
{
    if (number < 0)
        stele_buffer_format(line, ",\"%s\":null", name);
    else
        stele_buffer_format(line, ",\"%s\":%" PRId64, name, number);
}

void stele_status_print_json(FILE *out, const stele_status_shown *r, int64_t now_ms)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"projection\":"));
    stele_show_json(&line, stele_text(r->name));
    stele_buffer_append(&line, stele_text(",\"topic\":"));
    stele_show_json(&line, stele_text(r->topic));
    stele_buffer_format(&line, ",\"partition\":%" PRId32 ",\"instance\":", r->partition);
    if (r->instance != NULL)
        stele_show_json(&line, stele_text(r->instance));
    else
        stele_buffer_append(&line, stele_text("null"));
    stele_buffer_format(&line,
                        ",\"state\":\"%s\",\"reason\":", stele_partition_state_name(r->state));
    stele_show_json(&line, stele_text(r->reason != NULL ? r->reason : ""));
    append_number(&line, "position", r->position);
    append_number(&line, "end", r->end);
    append_number(&line, "lag", lag_of(r));
    stele_buffer_format(&line, ",\"rate\":%.1f", r->rate);
    append_number(&line, "seconds_left", seconds_left(r));
    append_number(&line, "state_age_ms", r->since_ms > 0 ? now_ms - r->since_ms : -1);
    stele_buffer_format(&line, ",\"parked\":{\"aggregates\":%" PRId64 ",\"events\":%" PRId64 "}",
                        r->parked_aggregates, r->parked_events);
    if (r->is_served) stele_buffer_append(&line, stele_text(",\"served\":true"));
    stele_buffer_push(&line, '}');
    stele_cli_print_json(out, stele_buffer_view(&line));
}

static void append_cell(stele_buffer *line, int64_t number, int width)
{
    if (number < 0)
        stele_buffer_format(line, "  %*s", width, "-");
    else
        stele_buffer_format(line, "  %*" PRId64, width, number);
}

/* @return the width of the widest text, shown */
static int widest(int width, const char *text)
{
    STELE_AUTO_VALUE(stele_buffer) shown = {0};
    stele_show(&shown, stele_text(text));
    return (int)shown.size > width ? (int)shown.size : width;
}

static void append_name(stele_buffer *line, const char *name, int width)
{
    size_t end = line->size + (size_t)width;
    stele_show(line, stele_text(name));
    while (line->size < end)
        stele_buffer_push(line, ' ');
}

static void print_row(FILE *out, const stele_status_shown *r, const char *label, int name_width,
                      int instance_width, int64_t now_ms)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    append_name(&line, label, name_width);
    stele_buffer_format(&line, "  %4" PRId32 "  ", r->partition);
    append_name(&line, r->instance != NULL ? r->instance : "-", instance_width);
    append_cell(&line, r->position, 10);
    append_cell(&line, lag_of(r), 10);
    stele_buffer_format(&line, "  %9.0f", r->rate);
    append_cell(&line, seconds_left(r), 6);
    stele_buffer_format(&line, "  %-9s", stele_partition_state_name(r->state));
    if (r->since_ms > 0)
        stele_buffer_format(&line, "  %4" PRId64 " s", (now_ms - r->since_ms) / 1000);
    else
        stele_buffer_format(&line, "  %6s", "-");
    if (r->is_served) stele_buffer_append(&line, stele_text("  served"));
    if (r->reason != NULL && r->reason[0] != '\0') stele_buffer_format(&line, "  %s", r->reason);
    stele_cli_print(out, "%s", stele_buffer_text(&line));
}

/* With the topic, where there is more than one of that name. */
static char *label_of(const stele_status_shown *rows, size_t count, const stele_status_shown *r)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, r->name) == 0 && strcmp(rows[i].topic, r->topic) != 0)
            return stele_strdup_format("%s %s", r->name, r->topic);
    return stele_strdup(r->name);
}

void stele_status_print_table(FILE *out, const stele_status_shown *rows, size_t count,
                              int64_t now_ms)
{
    int name_width = 10, instance_width = 8;
    char **labels = stele_alloc_array(count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        labels[i] = label_of(rows, count, &rows[i]);
        name_width = widest(name_width, labels[i]);
        if (rows[i].instance != NULL) instance_width = widest(instance_width, rows[i].instance);
    }
    fprintf(out, "%-*s  %4s  %-*s  %10s  %10s  %9s  %6s  %-9s  %6s\n", name_width, "PROJECTION",
            "PART", instance_width, "INSTANCE", "POSITION", "LAG", "EVENTS/S", "LEFT S", "STATE",
            "SINCE");
    for (size_t i = 0; i < count; i++) {
        print_row(out, &rows[i], labels[i], name_width, instance_width, now_ms);
        free(labels[i]);
    }
    free(labels);
}
