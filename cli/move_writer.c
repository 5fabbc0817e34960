/* SPDX-License-Identifier: MIT
 * One transactional producer for all partitions; those that owners would use are fenced only. */
#include "cli/move_writer.h"

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"
#include "producer/fenced.h"
#include "producer/transaction.h"
#include "registry/client.h"

enum {
    EVENTS_MAX = 5000, /* of a transaction … */
    BYTES_MAX = 4 * 1024 * 1024,
    TRANSACTION_MS = 60000, /* … which a slow broker may take so long for */
    STEP_MS = 100,
    SETTLE_MS = 500, /* for the end of what was just fenced */
    LOOK_MS = 50,
    CLOSE_MS = 800 /* within the second that a signal leaves */
};

struct stele_move_writer {
    stele_cli *cli;
    stele_log *log;
    const stele_cli_topic *topic;
    stele_event_range *before;
    int64_t *next; /* the offset that the next record of each partition will get */
    bool *touched; /* by the transaction that is looked at */
    stele_fenced *fenced;
    stele_transaction *filling;
    size_t unit; /* events of a transaction */
    int pending; /* transactions that were submitted */
    int64_t added;
};

static void close_fenced(stele_fenced *fenced)
{
    stele_fenced_close(fenced, CLOSE_MS);
}
STELE_SCOPE(stele_fenced, close_fenced);

/* ---- no one else ---- */

typedef struct members {
    size_t count;
    char first[256];
} members;

static void count_member(void *context, const stele_log_group_member *member)
{
    members *found = context;
    if (found->count++ == 0)
        snprintf(found->first, sizeof found->first, "%s at %s", member->client, member->host);
}

static stele_status check_no_writer(stele_move_writer *writer, const char *aggregate,
                                    stele_error *err)
{
    STELE_AUTO(char) group = stele_writer_name(aggregate);
    members found;
    stele_status status;
    stele_deadline until = stele_deadline_after(stele_clock_system(), writer->cli->timeout_ms);
    do { /* a coordinator that has just begun does not know its groups yet */
        found = (members){0};
        status = stele_log_group_describe(writer->log, group, writer->cli->timeout_ms, count_member,
                                          &found, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, writer->cli->stop, err));
    if (status < 0 || found.count == 0) return status;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "a writer of %s runs, so events would come between these: the group %s has "
                      "%zu member%s, %s: stop it first",
                      aggregate, group, found.count, found.count == 1 ? "" : "s", found.first);
}

static stele_status open_fenced(stele_move_writer *writer, const char *id, stele_fenced **out,
                                stele_error *err)
{
    size_t batch_max;
    stele_status status = stele_log_topic_batch_max(writer->log, writer->topic->name,
                                                    writer->cli->timeout_ms, &batch_max, err);
    if (status < 0) return status;
    stele_fenced_options options = {.transactional_id = id,
                                    .topic = writer->topic->name,
                                    .batch_max = batch_max,
                                    .timeout_ms = TRANSACTION_MS,
                                    .patience_ms = writer->cli->timeout_ms};
    STELE_AUTO(stele_fenced) fenced = NULL;
    if ((status = stele_fenced_open(writer->log, &options, &fenced, err)) < 0) return status;
    stele_deadline until = stele_deadline_after(stele_clock_system(), writer->cli->timeout_ms);
    stele_fenced_state state;
    stele_error why = {0};
    while ((state = stele_fenced_await(fenced, STEP_MS, &why)) == STELE_FENCED_INIT) {
        if (atomic_load(writer->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        if (why.status < 0 || stele_deadline_passed(until)) break;
    }
    if (state == STELE_FENCED_INIT && why.status == STELE_OK)
        stele_fail(&why, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s: no answer to %s for %d s",
                   writer->topic->name, id, writer->cli->timeout_ms / 1000);
    if (state == STELE_FENCED_INIT || state == STELE_FENCED_DEAD) {
        *err = why;
        return why.status;
    }
    *out = fenced;
    fenced = NULL;
    return STELE_OK;
}

/* One that is frozen wakes up fenced. */
static stele_status fence_owners(stele_move_writer *writer, const char *aggregate, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; status == STELE_OK && i < writer->topic->partitions; i++) {
        STELE_AUTO(char) id = stele_writer_transactional_id(aggregate, i);
        STELE_AUTO(stele_fenced) fenced = NULL;
        status = open_fenced(writer, id, &fenced, err);
    }
    return status;
}

static stele_status take_over(stele_move_writer *writer, stele_error *err)
{
    stele_bytes name;
    stele_status status = STELE_OK;
    if (stele_events_topic_parse(writer->topic->name, &name)) {
        STELE_AUTO(char) aggregate = stele_strndup((const char *)name.data, name.size);
        status = check_no_writer(writer, aggregate, err);
        if (status == STELE_OK) status = fence_owners(writer, aggregate, err);
    }
    STELE_AUTO(char) id = stele_strdup_format("stele.import-%s", writer->topic->name);
    return status < 0 ? status : open_fenced(writer, id, &writer->fenced, err);
}

/* ---- outcomes ---- */

static stele_status fail_other(const stele_move_writer *writer, int32_t partition, int64_t offset,
                               stele_error *err)
{
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s is not from here: someone else writes to the topic; stop "
                      "what does, look with %s tail what it has added, and run this again",
                      stele_position_format(writer->topic->name, partition, offset).text,
                      writer->cli->app->name);
}

static stele_status check_places(stele_move_writer *writer, const stele_transaction *transaction,
                                 stele_error *err)
{
    for (size_t i = 0; i < stele_transaction_count(transaction); i++) {
        stele_position at = stele_transaction_position(transaction, i);
        int32_t index = at.partition.index;
        if (at.offset >= 0 && at.offset != writer->next[index])
            return fail_other(writer, index, writer->next[index], err);
        writer->next[index]++;
        writer->touched[index] = true;
    }
    for (int32_t i = 0; i < writer->topic->partitions; i++) {
        if (writer->touched[i]) writer->next[i]++; /* the end of the transaction */
        writer->touched[i] = false;
    }
    return STELE_OK;
}

/* The oldest one's, after a wait for it. */
static stele_status await_outcome(stele_move_writer *writer, stele_outcome *out, stele_error *err)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 2 * TRANSACTION_MS);
    while (!stele_fenced_outcome(writer->fenced, 0, STEP_MS, out)) {
        if (atomic_load(writer->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        if (stele_fenced_poll(writer->fenced, err) == STELE_FENCED_DEAD) return err->status;
        if (stele_deadline_passed(until))
            return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_STOP,
                              "%s: a transaction does not end", writer->topic->name);
    }
    return STELE_OK;
}

static stele_status fail_outcome(const stele_outcome *outcome, stele_error *err)
{
    *err = outcome->error;
    if (outcome->status != STELE_E_LIMIT) return outcome->status;
    stele_log_entry entry = stele_transaction_entry(outcome->transaction, outcome->rejected);
    return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "an event of %s: %s",
                      stele_quote(entry.key).text, outcome->error.text);
}

static stele_status take_outcome(stele_move_writer *writer, stele_error *err)
{
    stele_outcome outcome;
    stele_status status = await_outcome(writer, &outcome, err);
    if (status < 0) return status;
    writer->pending--;
    if (outcome.status < 0) {
        status = fail_outcome(&outcome, err);
    } else {
        writer->added += (int64_t)stele_transaction_count(outcome.transaction);
        status = check_places(writer, outcome.transaction, err);
    }
    stele_transaction_free(outcome.transaction);
    return status;
}

/* ---- what is open ---- */

/* The partitions in which a transaction is open are those that are touched then.
 * @param first  of them; -1: there is none */
static stele_status find_open(stele_move_writer *writer, int32_t *first, stele_error *err)
{
    *first = -1;
    for (int32_t i = writer->topic->partitions; i-- > 0;) {
        stele_partition partition = {writer->topic->name, i};
        int timeout_ms = writer->cli->timeout_ms;
        int64_t start;
        int64_t stable;
        int64_t end;
        stele_status status;
        if ((status = stele_log_bounds(writer->log, partition, STELE_READ_COMMITTED, timeout_ms,
                                       &start, &stable, err)) < 0 ||
            (status = stele_log_bounds(writer->log, partition, STELE_READ_UNCOMMITTED, timeout_ms,
                                       &start, &end, err)) < 0)
            return status;
        writer->touched[i] = stable < end;
        if (stable < end) *first = i;
    }
    return STELE_OK;
}

static stele_status await_closed(stele_move_writer *writer, int timeout_ms, int32_t *first,
                                 stele_error *err)
{
    stele_runtime runtime = stele_log_runtime(writer->log);
    stele_deadline until = stele_deadline_after(stele_clock_system(), timeout_ms);
    stele_status status;
    while ((status = find_open(writer, first, err)) == STELE_OK && *first >= 0) {
        if (atomic_load(writer->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
        if (stele_deadline_passed(until)) break;
        stele_sleep_ms(runtime, LOOK_MS);
    }
    return status;
}

/* A broker that crashes can forget to tell a partition of a transaction's end.
 * The next one of the same id that goes there ends it; its events are compared then and added. */
static stele_status end_own(stele_move_writer *writer, stele_error *err)
{
    stele_outcome outcome;
    stele_transaction *end = stele_transaction_new();
    for (int32_t i = 0; i < writer->topic->partitions; i++)
        if (writer->touched[i])
            stele_transaction_put(end, (stele_partition){writer->topic->name, i}, stele_text("end"),
                                  (stele_bytes){NULL, 0}, NULL, 0);
    stele_transaction_abort(end);
    stele_status status = stele_fenced_submit(writer->fenced, 0, end, err);
    if (status < 0) {
        stele_transaction_free(end);
        return status;
    }
    if ((status = await_outcome(writer, &outcome, err)) < 0) return status;
    if (outcome.status < 0) status = fail_outcome(&outcome, err);
    stele_transaction_free(outcome.transaction);
    return status;
}

static stele_status end_what_is_open(stele_move_writer *writer, stele_error *err)
{
    int32_t first;
    stele_status status = await_closed(writer, SETTLE_MS, &first, err);
    if (status < 0 || first < 0) return status;
    if ((status = end_own(writer, err)) < 0 ||
        (status = await_closed(writer, writer->cli->timeout_ms, &first, err)) < 0 || first < 0)
        return status;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s/%d: a transaction is open there that is not from here: stop who writes; "
                      "if it is gone, the broker ends it after its time-out, a minute mostly",
                      writer->topic->name, (int)first);
}

/* Everything that is there can be seen. */
static stele_status find_ends(stele_move_writer *writer, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; status == STELE_OK && i < writer->topic->partitions; i++) {
        stele_event_range *range = &writer->before[i];
        range->partition = i;
        status = stele_log_bounds(writer->log, (stele_partition){writer->topic->name, i},
                                  STELE_READ_COMMITTED, writer->cli->timeout_ms, &range->from,
                                  &range->until, err);
        writer->next[i] = range->until;
        writer->touched[i] = false;
    }
    return status;
}

stele_status stele_move_writer_new(stele_cli *cli, const stele_cli_topic *topic, size_t unit,
                                   stele_move_writer **out, stele_error *err)
{
    STELE_AUTO(stele_move_writer) writer = stele_alloc(sizeof *writer);
    size_t count = (size_t)topic->partitions;
    writer->cli = cli;
    writer->log = stele_client_log(cli->client);
    writer->topic = topic;
    writer->unit = unit == 0 ? EVENTS_MAX : unit;
    writer->before = stele_alloc_array(count, sizeof *writer->before);
    writer->next = stele_alloc_array(count, sizeof *writer->next);
    writer->touched = stele_alloc_array(count, sizeof *writer->touched);
    stele_status status = take_over(writer, err);
    if (status == STELE_OK) status = end_what_is_open(writer, err);
    if (status == STELE_OK) status = find_ends(writer, err);
    if (status < 0) return status;
    *out = writer;
    writer = NULL;
    return STELE_OK;
}

void stele_move_writer_free(stele_move_writer *writer)
{
    if (writer == NULL) return;
    stele_transaction_free(writer->filling);
    close_fenced(writer->fenced);
    free(writer->before);
    free(writer->next);
    free(writer->touched);
    free(writer);
}

const stele_event_range *stele_move_writer_before(const stele_move_writer *writer)
{
    return writer->before;
}

int64_t stele_move_writer_added(const stele_move_writer *writer)
{
    return writer->added;
}

int32_t stele_move_writer_partition(const stele_move_writer *writer, const stele_moved_event *event)
{
    if (event->key.data == NULL) return event->partition % writer->topic->partitions;
    return stele_log_partition_of(event->key, writer->topic->partitions);
}

static stele_status submit(stele_move_writer *writer, stele_error *err)
{
    if (writer->filling == NULL) return STELE_OK;
    stele_status status;
    while ((status = stele_fenced_submit(writer->fenced, 0, writer->filling, err)) == STELE_E_FULL)
        if ((status = take_outcome(writer, err)) < 0) return status;
    if (status < 0) return status;
    writer->filling = NULL;
    writer->pending++;
    return STELE_OK;
}

/* ---- events ---- */

stele_status stele_move_writer_put(stele_move_writer *writer, const stele_moved_event *event,
                                   stele_error *err)
{
    if (writer->filling == NULL) writer->filling = stele_transaction_new();
    stele_transaction *filling = writer->filling;
    stele_transaction_time(filling, event->time_ms < 0 ? 0 : event->time_ms);
    stele_partition to = {writer->topic->name, stele_move_writer_partition(writer, event)};
    stele_transaction_put(filling, to, event->key, event->value, event->headers,
                          event->header_count);
    if (stele_transaction_count(filling) < writer->unit &&
        stele_transaction_size(filling) < BYTES_MAX)
        return STELE_OK;
    return submit(writer, err);
}

static stele_status check_ends(stele_move_writer *writer, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; status == STELE_OK && i < writer->topic->partitions; i++) {
        int64_t start;
        int64_t end;
        status =
            stele_log_bounds(writer->log, (stele_partition){writer->topic->name, i},
                             STELE_READ_UNCOMMITTED, writer->cli->timeout_ms, &start, &end, err);
        if (status == STELE_OK && end > writer->next[i])
            return fail_other(writer, i, writer->next[i], err);
    }
    return status;
}

stele_status stele_move_writer_finish(stele_move_writer *writer, stele_error *err)
{
    int32_t first;
    stele_status status = submit(writer, err);
    while (status == STELE_OK && writer->pending > 0)
        status = take_outcome(writer, err);
    if (status == STELE_OK) status = check_ends(writer, err);
    if (status == STELE_OK) status = await_closed(writer, writer->cli->timeout_ms, &first, err);
    if (status < 0 || first < 0) return status;
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_STOP,
                      "%s/%d: what was committed there is not seen: a broker has lost the end of a "
                      "transaction",
                      writer->topic->name, (int)first);
}
