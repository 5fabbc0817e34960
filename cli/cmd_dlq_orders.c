/* SPDX-License-Identifier: MIT
 * `dlq redrive`, `discard` and `park` of a projection: orders about events, into its control topic,
 * and what becomes of them, which is read where the letters are. Whoever orders something sees what
 * came of it: it is done, or was too late, or who would do it and does not. */
#include "cli/cmd_dlq.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/control.h"
#include "cli/dlq_office.h"
#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/orders.h"

enum { LOOK_MS = 300, ASK_MS = 1000 };

/* An event that an order is about, or that is behind one. */
typedef struct errand {
    stele_office_part *part;
    int64_t offset;
    bool is_sent;      /* an order about it is; else one about an event before it */
    bool had_letter;   /* when it was ordered */
    int64_t failed_ms; /* when it had failed last, */
    int32_t attempts;  /* and how often */
    bool is_done;
} errand;

/* What is known of who has a partition. */
typedef struct holder {
    bool runs;       /* someone reports on it, */
    bool is_stopped; /* that it needs a person, */
    bool is_paused;  /* that someone has paused it */
    char *reason;    /* why it does not go on; owned; NULL: nothing to say */
} holder;

typedef struct desk {
    stele_office office;
    stele_order_kind kind;
    const char *reason;
    errand *errands;
    size_t count;
    holder *holders; /* by partition */
    bool anyone;     /* reports on one of its partitions */
    bool was_refused;
    bool was_missed;     /* an order is about an event that has had its turn, or is not there */
    stele_error failure; /* of a delivery */
} desk;

static void clear_holders(desk *d)
{
    for (size_t i = 0; d->holders != NULL && i < d->office.count; i++)
        free(d->holders[i].reason);
    free(d->holders);
    d->holders = NULL;
}

static void desk_clear(desk *d)
{
    clear_holders(d);
    free(d->errands);
    stele_office_clear(&d->office);
}
STELE_VALUE_SCOPE(desk, desk_clear);

/* ---- outcomes ---- */

static void print_outcome(desk *d, const errand *of, const char *outcome, const char *reason)
{
    stele_buffer *line = &d->office.line;
    stele_buffer_reset(line);
    stele_buffer_format(line, "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"outcome\":\"%s\"",
                        of->part->source.topic, of->part->source.index, of->offset, outcome);
    stele_office_append(line, "reason", reason == NULL ? (stele_bytes){0} : stele_text(reason));
    stele_buffer_push(line, '}');
    stele_cli_print_json(d->office.cli->out, stele_buffer_view(line));
}

static bool has_failed_again(const errand *of, const stele_dead_event *letter)
{
    if (!of->is_sent) return true; /* those before it are gone */
    return letter->last_failed_ms != of->failed_ms || letter->attempts != of->attempts;
}

static bool look_at_letter(desk *d, const errand *of, const stele_dead_event *letter)
{
    if (letter->state == STELE_DEAD_STATE_DISCARDED) {
        print_outcome(d, of, "discarded", letter->reason);
        return true;
    }
    if (d->kind == STELE_ORDER_PARK && letter->state == STELE_DEAD_STATE_REFUSED) {
        print_outcome(d, of, "parked", letter->reason);
        return true;
    }
    if (d->kind != STELE_ORDER_REDRIVE || letter->state != STELE_DEAD_STATE_REFUSED ||
        !stele_office_is_first(of->part, letter) || !has_failed_again(of, letter))
        return false;
    print_outcome(d, of, stele_dead_state_name(letter->state), letter->reason);
    d->was_refused = true;
    return true;
}

/* Its letter is gone, or it has had its turn without one. */
static bool look_at_applied(desk *d, const errand *of)
{
    if (!of->had_letter && of->offset >= of->part->position) return false;
    if (d->kind == STELE_ORDER_REDRIVE) {
        print_outcome(d, of, "applied", NULL);
        return true;
    }
    d->was_missed = true;
    print_outcome(d, of, "applied", "it was applied before the order came: nothing is done");
    return true;
}

/* A redrive ends at the first event that is refused: those behind it are where they were. */
static bool is_behind_refused(const desk *d, const errand *of, const stele_dead_event *letter)
{
    for (const errand *each = d->errands; letter != NULL && each < of; each++) {
        if (each->part != of->part || !each->is_done) continue;
        const stele_dead_event *before = stele_office_find(each->part, each->offset);
        if (before != NULL && before->state == STELE_DEAD_STATE_REFUSED &&
            stele_bytes_equal(before->key, letter->key))
            return true;
    }
    return false;
}

static void look(desk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        errand *of = &d->errands[i];
        if (of->is_done) continue;
        const stele_dead_event *letter = stele_office_find(of->part, of->offset);
        of->is_done = letter == NULL ? look_at_applied(d, of)
                                     : look_at_letter(d, of, letter) ||
                                           (!of->is_sent && is_behind_refused(d, of, letter));
    }
}

/* ---- who could do it ---- */

static void take_line(void *context, const stele_status_line *line)
{
    desk *d = context;
    if (line->is_over) return;
    d->anyone = true;
    for (size_t i = 0; i < d->office.count; i++) {
        const stele_partition *source = &d->office.parts[i].source;
        if (line->partition != source->index || strcmp(line->topic, source->topic) != 0) continue;
        holder *of = &d->holders[i];
        of->runs = true;
        of->is_stopped = line->state == STELE_STATE_STOPPED;
        of->is_paused = line->state == STELE_STATE_PAUSED;
        free(of->reason);
        of->reason = line->reason[0] == '\0' ? NULL : stele_strdup(line->reason);
    }
}

static stele_status find_holders(desk *d, stele_error *err)
{
    clear_holders(d);
    d->anyone = false;
    d->holders = stele_alloc_array(d->office.count, sizeof *d->holders);
    stele_deadline by =
        stele_deadline_after(stele_log_clock(d->office.log), d->office.cli->timeout_ms);
    return stele_status_read(d->office.log, d->office.group, by, take_line, d, err);
}

static const holder *holder_of(const desk *d, const errand *of)
{
    return &d->holders[of->part - d->office.parts];
}

/* Is anything left that somebody who runs may do? */
static bool may_come(const desk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const holder *who = holder_of(d, &d->errands[i]);
        if (!d->errands[i].is_done && d->anyone && !who->is_stopped && !who->is_paused) return true;
    }
    return false;
}

static void print_rest(desk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const errand *of = &d->errands[i];
        if (of->is_done || !of->is_sent) continue;
        const holder *who = holder_of(d, of);
        STELE_AUTO(char) why = NULL;
        if (!d->anyone)
            why = stele_strdup("no worker runs: the next one that takes the partition does it");
        else if (who->is_stopped)
            why = stele_strdup_format("its partition is stopped: start the worker again, which "
                                      "does it: %s",
                                      who->reason == NULL ? "" : who->reason);
        else if (who->is_paused)
            why = stele_strdup_format("%s is paused: it is done after `resume`", d->office.group);
        else
            why = stele_strdup_format("not done yet, a worker does it that has the partition, or "
                                      "takes it%s%s",
                                      who->reason == NULL ? "" : ": ",
                                      who->reason == NULL ? "" : who->reason);
        print_outcome(d, of, "ordered", why);
    }
}

/* ---- ordering ---- */

static void add_errand(desk *d, stele_office_part *part, int64_t offset, bool is_sent)
{
    const stele_dead_event *letter = stele_office_find(part, offset);
    d->errands = stele_realloc_array(d->errands, d->count + 1, sizeof *d->errands);
    d->errands[d->count++] = (errand){.part = part,
                                      .offset = offset,
                                      .is_sent = is_sent,
                                      .had_letter = letter != NULL,
                                      .failed_ms = letter == NULL ? 0 : letter->last_failed_ms,
                                      .attempts = letter == NULL ? 0 : letter->attempts};
}

/* Of one aggregate, or of all. A redrive is ordered about the first of each. */
static void add_errands(desk *d, const stele_bytes *key)
{
    for (size_t p = 0; p < d->office.count; p++) {
        stele_office_part *part = &d->office.parts[p];
        for (size_t i = 0; i < stele_office_letter_count(part); i++) {
            const stele_dead_event *letter = stele_office_letter(part, i);
            if (letter->state == STELE_DEAD_STATE_DISCARDED ||
                (key != NULL && !stele_bytes_equal(letter->key, *key)))
                continue;
            bool is_sent = d->kind != STELE_ORDER_REDRIVE || stele_office_is_first(part, letter);
            add_errand(d, part, letter->offset, is_sent);
        }
    }
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    desk *d = context;
    if (failure != NULL) d->failure = *failure;
}

/* The topic of orders has as many partitions as the source, or as that with the most. */
static stele_status find_model(const stele_office *o, stele_log_topic *out, stele_error *err)
{
    stele_log_topic like = {0};
    if (o->snapshots != NULL)
        return stele_log_topic_describe(o->log, o->snapshots, o->cli->timeout_ms, out, err);
    stele_status status = STELE_OK;
    for (size_t i = 0; i < o->count && status == STELE_OK; i++) {
        if (i > 0 && strcmp(o->topics[i], o->topics[i - 1]) == 0) continue;
        status = stele_log_topic_describe(o->log, o->topics[i], o->cli->timeout_ms, out, err);
        if (status == STELE_OK && out->partitions > like.partitions) like = *out;
    }
    *out = like;
    return status;
}

static stele_status ensure_control(const stele_office *o, const char *topic, stele_error *err)
{
    stele_log_topic like;
    stele_status status = find_model(o, &like, err);
    if (status < 0) return status;
    return stele_control_ensure(o->cli, topic, like.partitions, like.replication, err);
}

static stele_status put(const desk *d, stele_log_producer *producer, const char *topic,
                        const errand *of, stele_error *err)
{
    const stele_partition *source = &of->part->source;
    STELE_AUTO(char)
    key = stele_strdup_format("%s/%" PRId32 "/%" PRId64, source->topic, source->index, of->offset);
    stele_header header = {STELE_ORDER_REASON, stele_text(d->reason == NULL ? "" : d->reason)};
    const stele_log_entry entry = {.partition = {topic, source->index},
                                   .key = stele_text(key),
                                   .value = stele_text(stele_order_kind_name(d->kind)),
                                   .headers = &header,
                                   .header_count = 1};
    stele_status status;
    while ((status = stele_log_producer_put(producer, &entry, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !atomic_load(d->office.cli->stop))
        stele_log_producer_poll(producer, 100, NULL);
    return status;
}

static stele_status send(desk *d, stele_error *err)
{
    const stele_office *o = &d->office;
    STELE_AUTO(char) topic = stele_control_topic(o->group);
    stele_status status = ensure_control(o, topic, err);
    if (status < 0) return status;
    const stele_log_producer_options options = {.delivered = on_delivered, .context = d};
    stele_log_producer *producer;
    if ((status = stele_log_producer_open(o->log, &options, &producer, err)) < 0) return status;
    for (size_t i = 0; i < d->count && status == STELE_OK; i++)
        if (d->errands[i].is_sent && !d->errands[i].is_done)
            status = put(d, producer, topic, &d->errands[i], err);
    if (status == STELE_OK) status = stele_log_producer_flush(producer, o->cli->timeout_ms, err);
    stele_log_producer_close(producer);
    if (status == STELE_OK && d->failure.status < 0) *err = d->failure;
    return status < 0 ? status : d->failure.status;
}

static stele_status await(desk *d, stele_error *err)
{
    const stele_office *o = &d->office;
    stele_deadline until = stele_deadline_after(stele_clock_system(), o->cli->timeout_ms);
    stele_status status = find_holders(d, err);
    while (status == STELE_OK && may_come(d) && !stele_deadline_passed(until) &&
           !atomic_load(o->cli->stop)) {
        stele_sleep_ms(stele_log_runtime(o->log), LOOK_MS);
        if ((status = stele_office_look_again(&d->office, err)) < 0) return status;
        look(d);
        status = find_holders(d, err);
    }
    return status;
}

static stele_exit carry_out(desk *d)
{
    stele_cli *cli = d->office.cli;
    stele_error err = {0};
    bool any = false;
    for (size_t i = 0; i < d->count; i++)
        any = any || !d->errands[i].is_done;
    if (any && (send(d, &err) < 0 || await(d, &err) < 0)) return stele_cli_fail_error(cli, &err);
    if (any) print_rest(d);
    if (d->was_missed) return STELE_EXIT_FAILED;
    return d->was_refused ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}

/* ---- which ---- */

/* @return STELE_EXIT_DONE: it is open */
static stele_exit begin(desk *d)
{
    stele_error err = {0};
    stele_cli *cli = d->office.cli;
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (stele_office_open(&d->office, &err) < 0) return stele_cli_fail_error(cli, &err);
    if (d->office.source != NULL) return STELE_EXIT_DONE;
    return stele_cli_fail(cli, STELE_EXIT_FAILED,
                          "it is not known which events %s is made of: no worker has written a "
                          "snapshot, and this program has no projection of that name",
                          d->office.name);
}

static stele_exit fail_none(const desk *d)
{
    return stele_cli_fail(d->office.cli, STELE_EXIT_FAILED, "no such event of %s is set aside",
                          d->office.name);
}

static int take_first(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    int64_t *offset = context;
    if (batch->count == 0) return STELE_OK;
    *offset = batch->records[0].offset;
    return STELE_BOUNDED_READ_ENOUGH;
}

/* Is there an event? Else no one would ever come to it. */
static stele_status find_event(const desk *d, const errand *of, bool *out, stele_error *err)
{
    const stele_office *o = &d->office;
    int64_t start, end, first = -1;
    stele_status status = stele_log_bounds(o->log, of->part->source, STELE_READ_UNCOMMITTED,
                                           o->cli->timeout_ms, &start, &end, err);
    *out = false;
    if (status < 0 || of->offset < start || of->offset >= end) return status;
    stele_bounded_read_start at = {of->part->source, of->offset};
    status = stele_bounded_read(
        o->log,
        &(stele_bounded_read_options){.starts = &at,
                                      .count = 1,
                                      .stable = true,
                                      .deadline = stele_deadline_after(stele_clock_system(), -1),
                                      .patience_ms = o->cli->timeout_ms,
                                      .stop = o->cli->stop,
                                      .take = take_first,
                                      .context = &first},
        err);
    *out = first == of->offset;
    return status;
}

/* One event that has no letter: it may be to come. */
static stele_exit check_event(desk *d, errand *of)
{
    stele_error err = {0};
    bool is_there;
    if (find_event(d, of, &is_there, &err) < 0) return stele_cli_fail_error(d->office.cli, &err);
    if (!is_there)
        return stele_cli_fail(d->office.cli, STELE_EXIT_FAILED,
                              "there is no event at %s/%" PRId32 "/%" PRId64,
                              of->part->source.topic, of->part->source.index, of->offset);
    of->is_done = look_at_applied(d, of);
    return STELE_EXIT_DONE;
}

static stele_exit add_position(desk *d, const char *position)
{
    stele_error err = {0};
    stele_office_part *part;
    int64_t offset;
    if (stele_office_parse(&d->office, position, &part, &offset, &err) < 0)
        return stele_cli_fail_error(d->office.cli, &err);
    const stele_dead_event *letter = stele_office_find(part, offset);
    if (d->kind != STELE_ORDER_REDRIVE) {
        add_errand(d, part, offset, true);
        return letter == NULL ? check_event(d, &d->errands[0]) : STELE_EXIT_DONE;
    }
    if (letter == NULL || letter->state == STELE_DEAD_STATE_DISCARDED) return fail_none(d);
    if (!stele_office_is_first(part, letter))
        return stele_cli_fail(d->office.cli, STELE_EXIT_FAILED,
                              "%s is behind another event of %s, and they are applied in order: "
                              "dlq redrive %s --key",
                              position, stele_quote(letter->key).text, d->office.name);
    add_errands(d, &letter->key);
    return STELE_EXIT_DONE;
}

/* @param position, key  one of them, or none: all */
static stele_exit order(desk *d, const char *position, const char *key)
{
    stele_exit code = begin(d);
    if (code != STELE_EXIT_DONE) return code;
    if (position != NULL) {
        if ((code = add_position(d, position)) != STELE_EXIT_DONE) return code;
    } else {
        stele_bytes id = key == NULL ? (stele_bytes){0} : stele_text(key);
        add_errands(d, key == NULL ? NULL : &id);
        if (d->count == 0) return fail_none(d);
    }
    return carry_out(d);
}

stele_exit stele_dlq_projection_redrive(stele_cli *cli, const char *name, const char *position,
                                        const char *key)
{
    STELE_AUTO_VALUE(desk)
    d = {.office = {.cli = cli, .name = name}, .kind = STELE_ORDER_REDRIVE};
    return order(&d, position, key);
}

stele_exit stele_cmd_dlq_discard(stele_cli *cli, const stele_arguments *arguments)
{
    const char *position = stele_arguments_operand(arguments, 1);
    const char *key = stele_arguments_text(arguments, "key", NULL);
    STELE_AUTO_VALUE(desk)
    d = {.office = {.cli = cli, .name = stele_arguments_operand(arguments, 0)},
         .kind = STELE_ORDER_DISCARD,
         .reason = stele_arguments_text(arguments, "reason", NULL)};
    if ((position == NULL) == (key == NULL) || d.reason == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "dlq discard: a POSITION or --key ID, and --reason TEXT");
    return order(&d, position, key);
}

stele_exit stele_cmd_dlq_park(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(desk)
    d = {.office = {.cli = cli, .name = stele_arguments_operand(arguments, 0)},
         .kind = STELE_ORDER_PARK,
         .reason = stele_arguments_text(arguments, "reason", NULL)};
    if (d.reason == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "dlq park: --reason TEXT, which is kept");
    return order(&d, stele_arguments_operand(arguments, 1), NULL);
}
