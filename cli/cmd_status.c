/* SPDX-License-Identifier: MIT
 * `status`: what each partition of each projection is doing, from Kafka alone: what workers last
 * said, and how far the log goes on behind that. */
#include "cli/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "consumer/read.h"
#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

enum { ASK_MS = 1000 /* one question to the broker, before it is asked again */ };

typedef struct row {
    char *name; /* "<projection>.v<n>" */
    char *topic;
    int32_t partition;
    char *instance;
    char *reason;
    stele_partition_state state;
    int64_t position; /* -1: not known */
    int64_t end;      /* high watermark */
    double rate;
    int64_t since_ms; /* 0: not known */
} row;

typedef struct board {
    const char *projection; /* NULL: all */
    row *rows;
    size_t count;
} board;

static void board_clear(board *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->rows[i].name);
        free(b->rows[i].topic);
        free(b->rows[i].instance);
        free(b->rows[i].reason);
    }
    free(b->rows);
}
STELE_VALUE_SCOPE(board, board_clear);

static row *add_row(board *b, const char *name, const char *topic, int32_t partition)
{
    b->rows = stele_realloc_array(b->rows, b->count + 1, sizeof *b->rows);
    b->rows[b->count] = (row){.name = stele_strdup(name),
                              .topic = stele_strdup(topic),
                              .partition = partition,
                              .state = STELE_STATE_UNKNOWN,
                              .position = -1};
    return &b->rows[b->count++];
}

static void take_line(void *context, const stele_status_line *line)
{
    board *b = context;
    if (b->projection != NULL && !stele_projection_group_is_of(line->name, b->projection)) return;
    row *r = add_row(b, line->name, line->topic, line->partition);
    r->instance = stele_strdup(line->instance);
    r->reason = stele_strdup(line->reason);
    r->state = line->state;
    r->position = line->position;
    r->rate = line->rate;
    r->since_ms = line->since_ms;
}

static int compare_rows(const void *left, const void *right)
{
    const row *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0) order = strcmp(a->topic, b->topic);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static bool has_row(const board *b, const char *name, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].partition == partition && strcmp(b->rows[i].name, name) == 0 &&
            strcmp(b->rows[i].topic, topic) == 0)
            return true;
    return false;
}

/* Partitions of which nobody has spoken are rows too. */
static stele_status add_silent(board *b, stele_log *log, int timeout_ms, stele_error *err)
{
    size_t spoken = b->count;
    for (size_t i = 0; i < spoken; i++) {
        if (i > 0 && strcmp(b->rows[i - 1].name, b->rows[i].name) == 0 &&
            strcmp(b->rows[i - 1].topic, b->rows[i].topic) == 0)
            continue;
        stele_log_topic topic;
        stele_status status =
            stele_log_topic_describe(log, b->rows[i].topic, timeout_ms, &topic, err);
        if (status == STELE_E_NOT_FOUND) continue;
        if (status < 0) return status;
        for (int32_t partition = 0; partition < topic.partitions; partition++)
            if (!has_row(b, b->rows[i].name, b->rows[i].topic, partition))
                add_row(b, b->rows[i].name, b->rows[i].topic, partition);
    }
    return STELE_OK;
}

/* A topic that was just made has no leader for a moment. */
static stele_status find_end(row *r, stele_log *log, stele_deadline deadline,
                             const atomic_bool *stop, stele_error *err)
{
    stele_partition partition = {r->topic, r->partition};
    stele_status status;
    int64_t start;
    do {
        status =
            stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, ASK_MS, &start, &r->end, err);
    } while (status < 0 && status != STELE_E_NOT_FOUND &&
             stele_read_wait_to_retry(deadline, stop, err));
    return status;
}

/* Of a partition whose worker has none to tell. One that a transaction holds is not known now. */
static stele_status find_position(row *r, stele_log *log, stele_deadline deadline,
                                  const atomic_bool *stop, stele_error *err)
{
    stele_partition partition = {r->topic, r->partition};
    stele_status status;
    do {
        status = stele_log_group_offset(log, r->name, partition, ASK_MS, &r->position, err);
    } while (status < 0 && status != STELE_E_CONFLICT &&
             stele_read_wait_to_retry(deadline, stop, err));
    return status == STELE_E_CONFLICT ? STELE_OK : status;
}

static stele_status find_ends(board *b, stele_log *log, stele_deadline deadline,
                              const atomic_bool *stop, stele_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        row *r = &b->rows[i];
        stele_status status = find_end(r, log, deadline, stop, err);
        if (status == STELE_E_NOT_FOUND) {
            r->end = -1;
            continue;
        }
        if (status == STELE_OK && r->position < 0)
            status = find_position(r, log, deadline, stop, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static int64_t lag_of(const row *r)
{
    if (r->end < 0 || r->position < 0) return -1;
    return r->end > r->position ? r->end - r->position : 0;
}

/* Seconds until it is at the end at its present rate; -1: not to be said. */
static int64_t seconds_left(const row *r)
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

static void print_json(FILE *out, const row *r, int64_t now_ms)
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
    fprintf(out, "%s}\n", stele_buffer_text(&line));
}

static void print_cell(FILE *out, int64_t number, int width)
{
    if (number < 0)
        fprintf(out, "  %*s", width, "-");
    else
        fprintf(out, "  %*" PRId64, width, number);
}

static void print_table(FILE *out, const board *b, int64_t now_ms)
{
    int name_width = 10, instance_width = 8;
    for (size_t i = 0; i < b->count; i++) {
        int name = (int)strlen(b->rows[i].name);
        int instance = b->rows[i].instance != NULL ? (int)strlen(b->rows[i].instance) : 1;
        if (name > name_width) name_width = name;
        if (instance > instance_width) instance_width = instance;
    }
    fprintf(out, "%-*s  %4s  %-*s  %10s  %10s  %9s  %6s  %-9s  %6s\n", name_width, "PROJECTION",
            "PART", instance_width, "INSTANCE", "POSITION", "LAG", "EVENTS/S", "LEFT S", "STATE",
            "SINCE");
    for (size_t i = 0; i < b->count; i++) {
        const row *r = &b->rows[i];
        fprintf(out, "%-*s  %4" PRId32 "  %-*s", name_width, r->name, r->partition, instance_width,
                r->instance != NULL ? r->instance : "-");
        print_cell(out, r->position, 10);
        print_cell(out, lag_of(r), 10);
        fprintf(out, "  %9.0f", r->rate);
        print_cell(out, seconds_left(r), 6);
        fprintf(out, "  %-9s", stele_partition_state_name(r->state));
        if (r->since_ms > 0)
            fprintf(out, "  %4" PRId64 " s", (now_ms - r->since_ms) / 1000);
        else
            fprintf(out, "  %6s", "-");
        if (r->reason != NULL && r->reason[0] != '\0') fprintf(out, "  %s", r->reason);
        fputc('\n', out);
    }
}

static bool needs_attention(const board *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].state == STELE_STATE_STALLED || b->rows[i].state == STELE_STATE_STOPPED)
            return true;
    return false;
}

stele_exit stele_cmd_status(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_log *log = stele_client_log(client);
    STELE_AUTO_VALUE(board) b = {.projection = stele_arguments_operand(arguments, 0)};
    stele_error err = {0};
    stele_clock clock = stele_clock_system();
    stele_deadline deadline = stele_deadline_after(clock, cli->timeout_ms);
    if (stele_status_read(log, NULL, deadline, take_line, &b, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (b.count > 0) qsort(b.rows, b.count, sizeof *b.rows, compare_rows);
    if (add_silent(&b, log, cli->timeout_ms, &err) < 0 ||
        find_ends(&b, log, deadline, cli->stop, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (b.count == 0) {
        if (!cli->json)
            fprintf(cli->err, "no worker has reported on %s\n",
                    b.projection != NULL ? b.projection : "any projection");
        return STELE_EXIT_DONE;
    }
    qsort(b.rows, b.count, sizeof *b.rows, compare_rows);
    int64_t now_ms = stele_clock_now_ms(clock);
    for (size_t i = 0; cli->json && i < b.count; i++)
        print_json(cli->out, &b.rows[i], now_ms);
    if (!cli->json) print_table(cli->out, &b, now_ms);
    bool check = stele_arguments_flag(arguments, "check");
    return check && needs_attention(&b) ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
