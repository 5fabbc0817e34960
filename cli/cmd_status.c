/* SPDX-License-Identifier: MIT
 * `status`: what each partition of each projection is doing, from Kafka alone: what workers last
 * reported, and how far the log goes on behind that. What cannot be found out of one partition is
 * said in its row, and takes nothing from the others. */
#include "cli/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/bounded_read.h"
#include "cli/sql.h"
#include "cli/status_print.h"
#include "consumer/served.h"
#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

enum { ASK_MS = 1000 /* one question to the broker, before it is asked again */ };

typedef stele_status_shown row;

typedef struct board {
    stele_cli *cli;
    stele_log *log;
    stele_deadline deadline;
    const char *projection; /* NULL: all */
    const char *instance;   /* NULL: whoever it is */
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
        free(b->rows[i].commands_of);
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

/* The instance that was asked for, or one that is named by default: that and "-PID". */
static bool is_instance(const char *wanted, const char *instance)
{
    size_t size = strlen(wanted);
    if (strncmp(instance, wanted, size) != 0) return false;
    const char *rest = instance + size;
    if (*rest == '\0') return true;
    return *rest == '-' && rest[1] != '\0' && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
}

/* What else there is to say of a row, behind the worker's own reason. */
static void add_reason(row *r, const char *reason)
{
    bool has_own = r->reason != NULL && r->reason[0] != '\0';
    char *both = has_own ? stele_strdup_format("%s; %s", r->reason, reason) : stele_strdup(reason);
    free(r->reason);
    r->reason = both;
}

static void take_line(void *context, const stele_status_line *line)
{
    board *b = context;
    if (b->projection != NULL && !stele_projection_group_is_of(line->name, b->projection)) return;
    if (b->instance != NULL && !is_instance(b->instance, line->instance)) return;
    row *r = add_row(b, line->name, line->topic, line->partition);
    r->instance = line->instance[0] == '\0' ? NULL : stele_strdup(line->instance);
    r->reason = stele_strdup(line->reason);
    r->state = line->state;
    r->position = line->position;
    r->rate = line->rate;
    r->since_ms = line->since_ms;
    r->parked_aggregates = line->parked_aggregates;
    r->parked_events = line->parked_events;
    if (line->parked_events == 0) return;
    STELE_AUTO(char)
    parked = stele_strdup_format("%" PRId64 " events of %" PRId64
                                 " aggregates are set aside: `dlq list %s` shows them",
                                 line->parked_events, line->parked_aggregates, line->name);
    add_reason(r, parked);
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

/* Names that Kafka takes. Others are in the status topic only if someone else put them there, and
 * a broker is not asked for them. */
static bool can_be_topic(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = strlen(name);
    return size > 0 && size <= 249 && strspn(name, plain) == size;
}

static void add_if_asked(board *b, const char *group, const char *topic)
{
    bool is_asked = b->projection == NULL || stele_projection_group_is_of(group, b->projection);
    if (is_asked && !has_row(b, group, topic, 0)) add_row(b, group, topic, 0);
}

/* Those in SQL that the configuration names; a file that cannot be read has no row. */
static void add_sql(board *b)
{
    const stele_config *config = stele_client_config(b->cli->client);
    const char *name;
    for (size_t i = 0; (name = stele_sql_next(config, &i)) != NULL;) {
        STELE_AUTO(stele_sql_program) program = NULL;
        if (stele_sql_read(config, name, &program, NULL) < 0) continue;
        char **topics = stele_sql_program_file(program)->topics;
        for (; *topics != NULL; topics++)
            add_if_asked(b, stele_sql_program_group(program), *topics);
    }
}

/* The application's own projections are rows although no one has reported on them. */
static void add_own(board *b)
{
    if (b->instance != NULL) return;
    const stele_projection *const *at = b->cli->app->projections;
    for (; at != NULL && *at != NULL; at++) {
        STELE_AUTO(char) group = stele_projection_group((*at)->name, (*at)->version);
        STELE_AUTO(char) topic = stele_events_topic((*at)->source->name);
        add_if_asked(b, group, topic);
    }
    add_sql(b);
}

/* And its reactions. */
static void add_reactions(board *b)
{
    const stele_reactions *const *at = b->cli->app->reactions;
    for (; at != NULL && *at != NULL && b->instance == NULL; at++) {
        if (b->projection != NULL && strcmp((*at)->name, b->projection) != 0) continue;
        for (size_t i = 0; (*at)->sources[i] != NULL; i++) {
            STELE_AUTO(char) group = stele_reactions_group((*at)->name, (*at)->sources[i]->name);
            STELE_AUTO(char) topic = stele_events_topic((*at)->sources[i]->name);
            if (!has_row(b, group, topic, 0)) add_row(b, group, topic, 0);
        }
    }
}

/* The failure of a question about one row: it is that row's, unless no broker answers at all. */
static stele_status spoil(board *b, row *r, const stele_error *why, stele_error *err)
{
    if (why->status == STELE_E_INTERRUPTED || !stele_log_is_up(b->log)) {
        *err = *why;
        return why->status;
    }
    add_reason(r, why->text);
    return STELE_OK;
}

/* Whoever owns the events carries them out. */
static void add_commands_row(board *b, size_t owner, const char *topic, stele_bytes aggregate)
{
    row *r = add_row(b, b->rows[owner].name, topic, b->rows[owner].partition);
    const row *of = &b->rows[owner];
    if (of->instance != NULL) r->instance = stele_strdup(of->instance);
    r->state = of->state;
    r->since_ms = of->since_ms;
    r->commands_of = stele_strndup((const char *)aggregate.data, aggregate.size);
}

/* Commands that wait in their topic: as many rows as the aggregate's writer has. */
static stele_status add_commands(board *b, stele_error *err)
{
    size_t count = b->count;
    bool is_there = false;
    for (size_t i = 0; i < count; i++) {
        stele_bytes aggregate;
        if (!stele_writer_name_parse(b->rows[i].name, &aggregate)) continue;
        STELE_AUTO(char) name = stele_strndup((const char *)aggregate.data, aggregate.size);
        STELE_AUTO(char) topic = stele_commands_topic(name);
        if (i == 0 || strcmp(b->rows[i - 1].name, b->rows[i].name) != 0) {
            stele_log_topic described;
            stele_error why = {0};
            int left_ms = stele_deadline_remaining_ms(b->deadline, b->cli->timeout_ms);
            stele_status status =
                stele_log_topic_describe(b->log, topic, left_ms, &described, &why);
            is_there = status == STELE_OK;
            if (status < 0 && status != STELE_E_NOT_FOUND &&
                (status = spoil(b, &b->rows[i], &why, err)) < 0)
                return status;
        }
        if (is_there) add_commands_row(b, i, topic, aggregate);
    }
    return STELE_OK;
}

/* Were some set aside? What retention has deleted of them is no matter. */
static stele_status say_dead(board *b, row *r, stele_error *err)
{
    int64_t start, end;
    if (r->commands_of == NULL) return STELE_OK;
    STELE_AUTO(char) topic = stele_commands_dead_topic(r->commands_of);
    stele_status status = stele_log_bounds(b->log, (stele_partition){topic, r->partition},
                                           STELE_READ_COMMITTED, ASK_MS, &start, &end, err);
    if (status == STELE_E_NOT_FOUND) return STELE_OK;
    if (status < 0 || start == end) return status;
    STELE_AUTO(char)
    reason =
        stele_strdup_format("there are dead letters: `dlq list %s` shows them", r->commands_of);
    add_reason(r, reason);
    return STELE_OK;
}

static bool begins_topic(const board *b, size_t index)
{
    if (index == 0) return true;
    const row *before = &b->rows[index - 1], *at = &b->rows[index];
    return strcmp(before->name, at->name) != 0 || strcmp(before->topic, at->topic) != 0;
}

static void say_gone(row *r, const char *what)
{
    r->end = -1;
    STELE_AUTO(char)
    reason = stele_strdup_format("%s: `status forget %s` drops this row", what, r->name);
    add_reason(r, r->state == STELE_STATE_UNKNOWN ? reason : what);
}

/* Partitions on which no one has reported are rows too. */
static stele_status add_silent(board *b, stele_error *err)
{
    size_t reported = b->count;
    for (size_t i = 0; i < reported; i++) {
        if (!begins_topic(b, i) || !can_be_topic(b->rows[i].topic)) continue;
        stele_log_topic topic;
        stele_error why = {0};
        int left_ms = stele_deadline_remaining_ms(b->deadline, b->cli->timeout_ms);
        stele_status status =
            stele_log_topic_describe(b->log, b->rows[i].topic, left_ms, &topic, &why);
        if (status == STELE_E_NOT_FOUND) continue;
        if (status < 0 && (status = spoil(b, &b->rows[i], &why, err)) < 0) return status;
        if (why.status < 0) continue;
        for (int32_t partition = 0; partition < topic.partitions; partition++)
            if (!has_row(b, b->rows[i].name, b->rows[i].topic, partition))
                add_row(b, b->rows[i].name, b->rows[i].topic, partition);
    }
    return STELE_OK;
}

/* A topic that was just made has no leader for a moment. */
static stele_status find_end(board *b, row *r, stele_error *err)
{
    stele_partition partition = {r->topic, r->partition};
    stele_status status;
    int64_t start;
    do {
        status = stele_log_bounds(b->log, partition, STELE_READ_UNCOMMITTED, ASK_MS, &start,
                                  &r->end, err);
    } while (status < 0 && status != STELE_E_NOT_FOUND &&
             stele_bounded_read_wait_to_retry(b->deadline, b->cli->stop, err));
    return status;
}

/* Of a partition whose worker has none to tell. One that a transaction holds is not known now. */
static stele_status find_position(board *b, row *r, stele_error *err)
{
    stele_partition partition = {r->topic, r->partition};
    stele_status status;
    do {
        status = stele_log_group_offset(b->log, r->name, partition, ASK_MS, &r->position, err);
    } while (status < 0 && status != STELE_E_CONFLICT &&
             stele_bounded_read_wait_to_retry(b->deadline, b->cli->stop, err));
    return status == STELE_E_CONFLICT ? STELE_OK : status;
}

/* A group that no worker has ever reported on has no offset that could be asked for. */
static bool has_reported(const board *b, const char *group)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].instance != NULL && strcmp(b->rows[i].name, group) == 0) return true;
    return false;
}

static stele_status find_ends(board *b, stele_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        row *r = &b->rows[i];
        stele_error why = {0};
        if (!can_be_topic(r->topic)) {
            say_gone(r, "no topic can have such a name");
            continue;
        }
        stele_status status = atomic_load(b->cli->stop) ? stele_fail(&why, STELE_E_INTERRUPTED,
                                                                     STELE_NEXT_STOP, "interrupted")
                                                        : find_end(b, r, &why);
        if (status == STELE_E_NOT_FOUND) {
            say_gone(r, "this partition is no more");
            continue;
        }
        if (status < 0) r->end = -1;
        if (status == STELE_OK && r->position < 0 && has_reported(b, r->name))
            status = find_position(b, r, &why);
        if (status == STELE_OK) status = say_dead(b, r, &why);
        if (status < 0 && (status = spoil(b, r, &why, err)) < 0) return status;
    }
    return STELE_OK;
}

static bool needs_attention(const board *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].state == STELE_STATE_STALLED || b->rows[i].state == STELE_STATE_STOPPED ||
            b->rows[i].state == STELE_STATE_UNKNOWN)
            return true;
    return false;
}

static void sort_rows(board *b)
{
    if (b->count > 0) qsort(b->rows, b->count, sizeof *b->rows, compare_rows);
}

static bool is_version_of(const row *r, const char *projection, int *version)
{
    stele_projection_name name;
    if (!stele_projection_group_parse(stele_text(r->name), &name)) return false;
    *version = name.version;
    return stele_bytes_equal(name.projection, stele_text(projection));
}

/* Which version readers have, of each projection; rows are in order. */
static stele_status find_served(board *b, stele_error *err)
{
    for (size_t i = 0; i < b->count;) {
        stele_projection_name name;
        if (!stele_projection_group_parse(stele_text(b->rows[i].name), &name)) {
            i++;
            continue;
        }
        STELE_AUTO(char)
        projection = stele_strndup((const char *)name.projection.data, name.projection.size);
        stele_served served = {0};
        stele_error why = {0};
        stele_status status =
            can_be_topic(projection)
                ? stele_served_read(b->log, projection, b->deadline, &served, &why)
                : STELE_OK;
        if (status < 0 && (status = spoil(b, &b->rows[i], &why, err)) < 0) return status;
        int version;
        for (; i < b->count && is_version_of(&b->rows[i], projection, &version); i++)
            b->rows[i].is_served = served.version == version;
    }
    return STELE_OK;
}

static stele_status fill_board(board *b, stele_error *err)
{
    stele_status status = stele_status_read(b->log, NULL, b->deadline, take_line, b, err);
    if (status < 0) return status;
    add_own(b);
    add_reactions(b);
    sort_rows(b);
    /* A worker that owns nothing at the moment is not answerable for what others have left. */
    if (b->instance == NULL && (status = add_silent(b, err)) < 0) return status;
    sort_rows(b);
    if ((status = add_commands(b, err)) < 0) return status;
    if ((status = find_ends(b, err)) < 0) return status;
    sort_rows(b);
    if ((status = find_served(b, err)) < 0) return status;
    return STELE_OK;
}

/* No row. For one instance that is no fault: there may be more workers than partitions. */
static stele_exit say_nothing(const board *b, bool check)
{
    if (!b->cli->json && b->instance != NULL)
        stele_cli_print(b->cli->err, "%s has no partition%s%s", b->instance,
                        b->projection != NULL ? " of " : "",
                        b->projection != NULL ? b->projection : "");
    else if (!b->cli->json)
        stele_cli_print(b->cli->err, "no worker has reported on %s",
                        b->projection != NULL ? b->projection : "any projection");
    return check && b->instance == NULL ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}

stele_exit stele_cmd_status(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_clock clock = stele_log_clock(stele_client_log(client));
    STELE_AUTO_VALUE(board)
    b = {.cli = cli,
         .log = stele_client_log(client),
         .deadline = stele_deadline_after(clock, cli->timeout_ms),
         .projection = stele_arguments_operand(arguments, 0),
         .instance = stele_arguments_text(arguments, "instance", NULL)};
    bool check = stele_arguments_flag(arguments, "check");
    stele_error err = {0};
    if (fill_board(&b, &err) < 0) return stele_cli_fail_error(cli, &err);
    if (b.count == 0) return say_nothing(&b, check);
    int64_t now_ms = stele_clock_now_ms(clock);
    for (size_t i = 0; cli->json && i < b.count; i++)
        stele_status_print_json(cli->out, &b.rows[i], now_ms);
    if (!cli->json) stele_status_print_table(cli->out, b.rows, b.count, now_ms);
    return check && needs_attention(&b) ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}
