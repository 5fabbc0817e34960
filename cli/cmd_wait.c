/* SPDX-License-Identifier: MIT
 * `wait`: until a projection has applied an event, so that whoever has written reads what it wrote.
 * It goes by what the partition's worker reports, within a second. Neither the last word of a
 * worker that is gone counts nor the offset of the group: both may be of a time before a new
 * beginning. */
#include "cli/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "consumer/served.h"
#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "registry/client.h"

enum {
    PAUSE_MS = 200,
    ASK_MS = 1000 /* one question to the broker, before it is asked again */
};

/* What is known of the projection's partition. */
typedef struct watched {
    const char *projection; /* a name, or one with its version */
    const char *topic;
    int32_t partition;
    char *group; /* the version that someone has reported on, the newest of more; NULL: none */
    int version;
    char *instance;
    char *reason;
    stele_partition_state state;
    int64_t position;
    bool is_over;
} watched;

static void watched_clear(watched *of)
{
    free(of->group);
    free(of->instance);
    free(of->reason);
}
STELE_VALUE_SCOPE(watched, watched_clear);

static int version_of(const char *group)
{
    stele_projection_name name;
    return stele_projection_group_parse(stele_text(group), &name) ? name.version : 0;
}

/* A version that no one runs counts only where there is no other. */
static bool is_better(const watched *of, const stele_status_line *line)
{
    if (of->group == NULL) return true;
    if (of->is_over != line->is_over) return of->is_over;
    return version_of(line->name) > of->version;
}

static void take_line(void *context, const stele_status_line *line)
{
    watched *of = context;
    if (line->partition != of->partition || strcmp(line->topic, of->topic) != 0 ||
        !stele_projection_group_is_of(line->name, of->projection) || !is_better(of, line))
        return;
    watched_clear(of);
    of->group = stele_strdup(line->name);
    of->version = version_of(line->name);
    of->instance = stele_strdup(line->instance);
    of->reason = stele_strdup(line->reason);
    of->state = line->state;
    of->position = line->position;
    of->is_over = line->is_over;
}

/* A look that fails leaves what the one before has found. */
static stele_status look(stele_log *log, watched *of, stele_error *err)
{
    STELE_AUTO_VALUE(watched)
    seen = {.projection = of->projection,
            .topic = of->topic,
            .partition = of->partition,
            .position = -1};
    stele_deadline by = stele_deadline_after(stele_log_clock(log), ASK_MS);
    stele_status status = stele_status_read(log, NULL, by, take_line, &seen, err);
    if (status < 0) return status;
    watched before = *of;
    *of = seen;
    seen = before;
    return STELE_OK;
}

static bool has_applied(const watched *of, int64_t offset)
{
    return !of->is_over && of->position > offset;
}

/* A worker that has stopped the partition, while it lives, needs a person first. */
static bool is_stopped(const watched *of)
{
    return of->group != NULL && !of->is_over && of->state == STELE_STATE_STOPPED;
}

static stele_exit fail(stele_cli *cli, const watched *of, const char *position)
{
    if (of->group == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "wait: no worker has reported on %s of %s/%d: `status` shows what "
                              "runs, and `run` runs it",
                              of->projection, of->topic, (int)of->partition);
    STELE_AUTO_VALUE(stele_buffer) at = {0};
    if (of->position >= 0)
        stele_buffer_format(&at, "at offset %" PRId64, of->position);
    else
        stele_buffer_append(&at, stele_text("at no offset yet"));
    bool has_reason = of->reason[0] != '\0';
    return stele_cli_fail(cli, STELE_EXIT_FAILED, "wait: %s has not applied %s: it is %s, %s%s%s",
                          of->group, position, stele_buffer_text(&at),
                          of->is_over ? "and no one runs it"
                                      : stele_partition_state_name(of->state),
                          has_reason ? ": " : "", of->reason);
}

/* Is there such a partition, and does it go that far? Else no one would ever come there. */
static stele_status check(stele_cli *cli, stele_partition source, int64_t offset, stele_deadline by,
                          stele_error *err)
{
    int64_t start, end;
    stele_log *log = stele_client_log(cli->client);
    stele_status status;
    do {
        status = stele_log_bounds(log, source, STELE_READ_UNCOMMITTED, ASK_MS, &start, &end, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(by, cli->stop, err));
    if (status < 0 || offset < end) return status;
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "%s/%d ends at offset %" PRId64 ": there is no event at %" PRId64,
                      source.topic, (int)source.index, end, offset);
}

/* Readers have one version of a name, and that is the one to wait for. @return owned */
static char *find_served(stele_log *log, const char *name, stele_deadline by)
{
    stele_projection_name parsed;
    stele_served served = {0};
    bool has_version = stele_projection_group_parse(stele_text(name), &parsed);
    if (!has_version) stele_served_find(log, name, STELE_SERVED_BY_ANY, by, &served, NULL);
    return served.version == 0 ? stele_strdup(name) : stele_projection_group(name, served.version);
}

stele_exit stele_cmd_wait(stele_cli *cli, const stele_arguments *arguments)
{
    const char *position = stele_arguments_operand(arguments, 1);
    stele_bytes topic;
    int32_t partition;
    int64_t offset;
    if (!stele_position_parse(stele_text(position), &topic, &partition, &offset))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "wait: %s is no position, such as account.events/3/120: answers to "
                              "commands and `history` have them",
                              stele_quote(stele_text(position)).text);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    stele_log *log = stele_client_log(cli->client);
    stele_deadline by = stele_deadline_after(stele_log_clock(log), cli->timeout_ms);
    STELE_AUTO(char) projection = find_served(log, stele_arguments_operand(arguments, 0), by);
    STELE_AUTO(char) source = stele_strndup((const char *)topic.data, topic.size);
    STELE_AUTO_VALUE(watched)
    of = {.projection = projection, .topic = source, .partition = partition, .position = -1};
    stele_error err = {0};
    if (check(cli, (stele_partition){source, partition}, offset, by, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    for (bool has_looked = false;;) {
        if (look(log, &of, &err) == STELE_OK)
            has_looked = true;
        else if (err.next != STELE_NEXT_RETRY || (stele_deadline_passed(by) && !has_looked))
            return stele_cli_fail_error(cli, &err);
        if (has_applied(&of, offset)) return STELE_EXIT_DONE;
        if (is_stopped(&of) || stele_deadline_passed(by)) return fail(cli, &of, position);
        if (atomic_load(cli->stop)) return stele_cli_fail(cli, STELE_EXIT_FAILED, "interrupted");
        stele_sleep_ms(stele_log_runtime(log), PAUSE_MS);
    }
}
