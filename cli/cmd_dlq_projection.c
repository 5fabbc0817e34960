/* SPDX-License-Identifier: MIT
 * `dlq` of a projection: the events that were set aside, from its snapshots topic, and orders about
 * them, into its control topic. What a worker makes of an order is read where the letters are. */
#include "cli/cmd_dlq.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <stele/json.h>

#include "cli/status_rows.h"
#include "cli/stored_states.h"
#include "consumer/value_reader.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"
#include "kafka/topic_spec.h"
#include "projections/orders.h"
#include "registry/client.h"

enum { LOOK_MS = 300 };

/* An order, and what has come of it. */
typedef struct errand {
    int32_t partition;
    int64_t offset;
    int64_t failed_ms; /* when its letter had failed last; -1: there was none */
    int32_t attempts;
    bool is_done;
} errand;

typedef struct office {
    stele_cli *cli;
    stele_log *log;
    stele_client *client;
    const char *name;
    char *snapshots; /* the topic */
    char *group;
    char *source; /* the events' topic; NULL: no letter or checkpoint has told it */
    int32_t partitions;
    stele_parked **letters;           /* by partition */
    stele_bounded_read_start *starts; /* where to read on */
    stele_value_reader *reader;
    stele_buffer line;
    errand *errands;
    size_t count;
    stele_error failure; /* of a delivery */
} office;

static void office_clear(office *o)
{
    for (int32_t i = 0; o->letters != NULL && i < o->partitions; i++)
        stele_parked_free(o->letters[i]);
    free(o->letters);
    free(o->starts);
    free(o->errands);
    free(o->snapshots);
    free(o->group);
    free(o->source);
    stele_value_reader_free(o->reader);
    stele_buffer_clear(&o->line);
}
STELE_VALUE_SCOPE(office, office_clear);

/* ---- reading ---- */

static stele_status take_one(office *o, int32_t partition, const stele_record *record,
                             stele_error *err)
{
    stele_bytes topic;
    int32_t of;
    int64_t offset;
    stele_dead_event *letter = NULL;
    if (record->key.data == NULL || !stele_dead_key_parse(record->key, &topic, &of, &offset))
        return STELE_OK;
    if (o->source == NULL) o->source = stele_strndup((const char *)topic.data, topic.size);
    stele_status status = record->value.data == NULL
                              ? STELE_OK
                              : stele_dead_event_read(offset, record->value, &letter, err);
    if (status == STELE_OK) stele_parked_restore(o->letters[partition], offset, letter);
    return status;
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    office *o = context;
    stele_status status = STELE_OK;
    for (size_t i = 0; i < batch->count && status == STELE_OK; i++)
        status = take_one(o, batch->partition.index, &batch->records[i], err);
    o->starts[batch->partition.index].offset = batch->next_offset;
    return status;
}

/* All that has come since it was called last. */
static stele_status read_on(office *o, stele_error *err)
{
    return stele_bounded_read(
        o->log,
        &(stele_bounded_read_options){.starts = o->starts,
                                      .count = (size_t)o->partitions,
                                      .stable = true,
                                      .deadline = stele_deadline_after(stele_clock_system(), -1),
                                      .patience_ms = o->cli->timeout_ms,
                                      .stop = o->cli->stop,
                                      .take = take,
                                      .context = o},
        err);
}

static stele_status find_source(office *o, stele_error *err)
{
    const stele_projection *projection = stele_cli_projection(o->cli, o->name);
    if (projection != NULL) {
        o->source = stele_events_topic(projection->source->name);
        return STELE_OK;
    }
    return stele_past_source(o->log, o->snapshots, o->partitions,
                             stele_deadline_after(stele_clock_system(), o->cli->timeout_ms),
                             o->cli->stop, &o->source, err);
}

static stele_status open_office(office *o, stele_error *err)
{
    stele_log_topic topic;
    o->client = stele_cli_client(o->cli);
    o->log = stele_client_log(o->client);
    int timeout_ms = o->cli->timeout_ms;
    stele_status status = stele_stored_topic(o->log, o->name, timeout_ms, &o->snapshots, err);
    if (status == STELE_OK)
        status = stele_log_topic_describe(o->log, o->snapshots, timeout_ms, &topic, err);
    if (status < 0) return status;
    o->partitions = topic.partitions;
    stele_bytes group = stele_snapshots_topic_parse(o->snapshots, NULL);
    o->group = stele_strndup((const char *)group.data, group.size);
    o->letters = stele_alloc_array((size_t)o->partitions, sizeof(stele_parked *));
    o->starts = stele_alloc_array((size_t)o->partitions, sizeof *o->starts);
    for (int32_t i = 0; i < o->partitions; i++) {
        o->letters[i] = stele_parked_new(0, 0);
        o->starts[i] = (stele_bounded_read_start){{o->snapshots, i}, STELE_OFFSET_NONE};
    }
    o->reader = stele_value_reader_new(stele_client_registry(o->client), timeout_ms);
    if ((status = find_source(o, err)) < 0) return status;
    return read_on(o, err);
}

/* Letters by partition, in the order of their events. They are never put into lists here. */
static size_t count_letters(const office *o, int32_t partition)
{
    return o->letters[partition]->changed_count;
}

static stele_dead_event *letter_at(const office *o, int32_t partition, size_t index)
{
    return o->letters[partition]->changed[index];
}

static stele_dead_event *find_letter(const office *o, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < count_letters(o, partition); i++)
        if (letter_at(o, partition, i)->offset == offset) return letter_at(o, partition, i);
    return NULL;
}

/* ---- list, show ---- */

static void append(stele_buffer *line, const char *name, stele_bytes value)
{
    stele_buffer_format(line, ",\"%s\":", name);
    if (value.data == NULL)
        stele_buffer_append(line, stele_text("null"));
    else
        stele_show_json(line, value);
}

static void append_time(stele_buffer *line, const char *name, int64_t time_ms)
{
    char text[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(time_ms, STELE_TIME_MILLIS, text);
    append(line, name, stele_text(text));
}

static stele_bytes header_of(const stele_dead_event *letter, const char *name)
{
    for (size_t i = letter->header_count; i > 0; i--)
        if (strcmp(letter->headers[i - 1].name, name) == 0) return letter->headers[i - 1].value;
    return (stele_bytes){0};
}

/* By the schema that it was written with; what cannot be read is null. */
static void append_data(office *o, const stele_dead_event *letter)
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

static void append_record(office *o, const stele_dead_event *letter)
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

static void print_letter(office *o, int32_t partition, const stele_dead_event *letter, bool whole)
{
    stele_buffer_reset(&o->line);
    stele_buffer_format(&o->line, "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\"",
                        o->source == NULL ? "" : o->source, partition, letter->offset);
    append(&o->line, "id", letter->key);
    append(&o->line, "event_id", header_of(letter, "ce_id"));
    append(&o->line, "code", stele_text(stele_dead_state_name(letter->state)));
    append(&o->line, "reason",
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
    STELE_AUTO_VALUE(office) o = {.cli = cli, .name = name};
    stele_error err = {0};
    if (open_office(&o, &err) < 0) return stele_cli_fail_error(cli, &err);
    for (int32_t p = 0; p < o.partitions; p++)
        for (size_t i = 0; i < count_letters(&o, p); i++) {
            const stele_dead_event *letter = letter_at(&o, p, i);
            bool wanted = code == NULL ? letter->state != STELE_DEAD_STATE_DISCARDED
                                       : strcmp(code, stele_dead_state_name(letter->state)) == 0;
            if (wanted) print_letter(&o, p, letter, false);
        }
    return STELE_EXIT_DONE;
}

/* "account.events/3/1042", or short "3:1042". */
static stele_status parse_position(const office *o, const char *text, int32_t *partition,
                                   int64_t *offset, stele_error *err)
{
    const char *colon = strchr(text, ':');
    stele_bytes topic;
    int64_t index = -1;
    bool is_short =
        colon != NULL &&
        stele_parse_int64(stele_bytes_of(text, (size_t)(colon - text)), 0, INT32_MAX, &index,
                          NULL) == STELE_OK &&
        stele_parse_int64(stele_text(colon + 1), 0, INT64_MAX, offset, NULL) == STELE_OK;
    if (is_short) *partition = (int32_t)index;
    bool is_one =
        is_short || (stele_position_parse(stele_text(text), &topic, partition, offset) &&
                     (o->source == NULL || stele_bytes_equal(topic, stele_text(o->source))));
    if (is_one && *partition < o->partitions) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s is no position of an event of %s, such as %s/0/12, or 0:12",
                      stele_quote(stele_text(text)).text, o->name,
                      o->source == NULL ? "account.events" : o->source);
}

stele_exit stele_cmd_dlq_show(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(office) o = {.cli = cli, .name = stele_arguments_operand(arguments, 0)};
    stele_error err = {0};
    int32_t partition;
    int64_t offset;
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    if (open_office(&o, &err) < 0 ||
        parse_position(&o, stele_arguments_operand(arguments, 1), &partition, &offset, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    const stele_dead_event *letter = find_letter(&o, partition, offset);
    if (letter == NULL)
        return stele_cli_fail(cli, STELE_EXIT_FAILED, "%s: no event of %s is set aside there",
                              stele_arguments_operand(arguments, 1), o.name);
    print_letter(&o, partition, letter, true);
    return STELE_EXIT_DONE;
}

/* ---- orders ---- */

static void add_errand(office *o, int32_t partition, int64_t offset)
{
    const stele_dead_event *letter = find_letter(o, partition, offset);
    o->errands = stele_realloc_array(o->errands, o->count + 1, sizeof *o->errands);
    o->errands[o->count++] = (errand){.partition = partition,
                                      .offset = offset,
                                      .failed_ms = letter == NULL ? -1 : letter->last_failed_ms,
                                      .attempts = letter == NULL ? 0 : letter->attempts};
}

/* Is it the first of its aggregate? Those that are discarded do not count. */
static bool is_first(const office *o, int32_t partition, const stele_dead_event *letter)
{
    for (size_t i = 0; i < count_letters(o, partition); i++) {
        const stele_dead_event *each = letter_at(o, partition, i);
        if (each == letter) return true;
        if (each->state != STELE_DEAD_STATE_DISCARDED && stele_bytes_equal(each->key, letter->key))
            return false;
    }
    return false;
}

/* @param key  of one aggregate; NULL: all @param all  not only the first of each */
static void add_errands(office *o, const char *key, bool all)
{
    for (int32_t p = 0; p < o->partitions; p++)
        for (size_t i = 0; i < count_letters(o, p); i++) {
            const stele_dead_event *letter = letter_at(o, p, i);
            bool wanted = letter->state != STELE_DEAD_STATE_DISCARDED &&
                          (key == NULL || stele_bytes_equal(letter->key, stele_text(key)));
            if (wanted && (all || is_first(o, p, letter))) add_errand(o, p, letter->offset);
        }
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    office *o = context;
    if (failure != NULL) o->failure = *failure;
}

static stele_status ensure_control(office *o, const char *topic, stele_error *err)
{
    static const stele_topic_setting settings[] = {
        {.name = "cleanup.policy",
         .value = "compact",
         .danger = "orders that no worker has read would be deleted"}};
    stele_log_topic like, found;
    stele_status status =
        stele_log_topic_describe(o->log, o->snapshots, o->cli->timeout_ms, &like, err);
    if (status < 0) return status;
    stele_topic_spec spec = {.name = topic,
                             .partitions = o->partitions,
                             .replication = like.replication,
                             .settings = settings,
                             .setting_count = 1};
    stele_deadline until = stele_deadline_after(stele_clock_system(), o->cli->timeout_ms);
    do {
        status = stele_topic_ensure(o->log, &spec, o->cli->timeout_ms, &found, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, o->cli->stop, err));
    return status;
}

static stele_status put(stele_log_producer *producer, const office *o, const char *topic,
                        const errand *of, stele_order_kind kind, const char *reason,
                        stele_error *err)
{
    STELE_AUTO(char)
    key = stele_strdup_format("%s/%" PRId32 "/%" PRId64, o->source, of->partition, of->offset);
    stele_header header = {STELE_ORDER_REASON, stele_text(reason == NULL ? "" : reason)};
    const stele_log_entry entry = {.partition = {topic, of->partition},
                                   .key = stele_text(key),
                                   .value = stele_text(stele_order_kind_name(kind)),
                                   .headers = &header,
                                   .header_count = 1};
    stele_status status;
    while ((status = stele_log_producer_put(producer, &entry, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !atomic_load(o->cli->stop))
        stele_log_producer_poll(producer, 100, NULL);
    return status;
}

static stele_status send(office *o, stele_order_kind kind, const char *reason, stele_error *err)
{
    STELE_AUTO(char) topic = stele_control_topic(o->group);
    stele_status status = ensure_control(o, topic, err);
    if (status < 0) return status;
    const stele_log_producer_options options = {.delivered = on_delivered, .context = o};
    stele_log_producer *producer;
    if ((status = stele_log_producer_open(o->log, &options, &producer, err)) < 0) return status;
    for (size_t i = 0; i < o->count && status == STELE_OK; i++)
        status = put(producer, o, topic, &o->errands[i], kind, reason, err);
    if (status == STELE_OK) status = stele_log_producer_flush(producer, o->cli->timeout_ms, err);
    stele_log_producer_close(producer);
    if (status == STELE_OK && o->failure.status < 0) *err = o->failure;
    return status < 0 ? status : o->failure.status;
}

static void print_outcome(office *o, const errand *of, const char *outcome, const char *reason)
{
    stele_buffer_reset(&o->line);
    stele_buffer_format(&o->line, "{\"position\":\"%s/%" PRId32 "/%" PRId64 "\",\"outcome\":\"%s\"",
                        o->source, of->partition, of->offset, outcome);
    append(&o->line, "reason", reason == NULL ? (stele_bytes){0} : stele_text(reason));
    stele_buffer_push(&o->line, '}');
    stele_cli_print_json(o->cli->out, stele_buffer_view(&o->line));
}

/* @param was_refused  set if it was */
static void look_at(office *o, errand *of, stele_order_kind kind, bool *was_refused)
{
    const stele_dead_event *letter = find_letter(o, of->partition, of->offset);
    bool is_discarded = letter != NULL && letter->state == STELE_DEAD_STATE_DISCARDED;
    of->is_done = true;
    if (is_discarded) {
        print_outcome(o, of, "discarded", letter->reason);
    } else if (letter == NULL && kind != STELE_ORDER_PARK && of->failed_ms >= 0) {
        print_outcome(o, of, "applied", NULL);
    } else if (letter != NULL && kind == STELE_ORDER_PARK) {
        print_outcome(o, of, "parked", letter->reason);
    } else if (letter != NULL && kind == STELE_ORDER_REDRIVE &&
               (letter->last_failed_ms != of->failed_ms || letter->attempts != of->attempts)) {
        print_outcome(o, of, stele_dead_state_name(letter->state), letter->reason);
        *was_refused = true;
    } else {
        of->is_done = false;
    }
}

static bool is_all_done(const office *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (!o->errands[i].is_done) return false;
    return true;
}

/* Does anyone run who could carry them out? */
static stele_status find_worker(office *o, bool *runs, stele_error *err)
{
    STELE_AUTO_VALUE(stele_status_rows) rows = {0};
    stele_status status = stele_status_rows_find(o->cli, o->group, NULL, &rows, err);
    *runs = status == STELE_OK && rows.living_count > 0;
    return status;
}

static stele_status await(office *o, stele_order_kind kind, bool *was_refused, stele_error *err)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), o->cli->timeout_ms);
    bool runs;
    stele_status status = find_worker(o, &runs, err);
    while (status == STELE_OK && runs && !is_all_done(o) && !stele_deadline_passed(until) &&
           !atomic_load(o->cli->stop)) {
        stele_sleep_ms(stele_log_runtime(o->log), LOOK_MS);
        if ((status = read_on(o, err)) < 0) return status;
        for (size_t i = 0; i < o->count; i++)
            if (!o->errands[i].is_done) look_at(o, &o->errands[i], kind, was_refused);
    }
    return status;
}

static stele_exit order(office *o, stele_order_kind kind, const char *reason)
{
    stele_error err = {0};
    bool was_refused = false;
    if (o->count == 0) {
        stele_cli_print(o->cli->err, "no such event of %s is set aside", o->name);
        return STELE_EXIT_FAILED;
    }
    if (o->source == NULL)
        return stele_cli_fail(o->cli, STELE_EXIT_FAILED,
                              "it is not known which events %s is made of: no worker has written a "
                              "snapshot, and this program has no projection of that name",
                              o->name);
    if (send(o, kind, reason, &err) < 0 || await(o, kind, &was_refused, &err) < 0)
        return stele_cli_fail_error(o->cli, &err);
    for (size_t i = 0; i < o->count; i++)
        if (!o->errands[i].is_done)
            print_outcome(o, &o->errands[i], "ordered",
                          "a worker carries it out that has the partition, or takes it");
    return was_refused ? STELE_EXIT_FOUND : STELE_EXIT_DONE;
}

/* @return STELE_EXIT_DONE: it is open */
static stele_exit begin(office *o)
{
    stele_error err = {0};
    if (stele_cli_client(o->cli) == NULL) return STELE_EXIT_FAILED;
    return open_office(o, &err) < 0 ? stele_cli_fail_error(o->cli, &err) : STELE_EXIT_DONE;
}

static stele_exit add_position(office *o, const char *position)
{
    stele_error err = {0};
    int32_t partition;
    int64_t offset;
    if (parse_position(o, position, &partition, &offset, &err) < 0)
        return stele_cli_fail_error(o->cli, &err);
    add_errand(o, partition, offset);
    return STELE_EXIT_DONE;
}

stele_exit stele_dlq_projection_redrive(stele_cli *cli, const char *name, const char *position,
                                        const char *key)
{
    STELE_AUTO_VALUE(office) o = {.cli = cli, .name = name};
    stele_exit code = begin(&o);
    if (code == STELE_EXIT_DONE && position != NULL) code = add_position(&o, position);
    if (code != STELE_EXIT_DONE) return code;
    if (position != NULL) {
        const stele_dead_event *letter =
            find_letter(&o, o.errands[0].partition, o.errands[0].offset);
        if (letter == NULL || letter->state == STELE_DEAD_STATE_DISCARDED) o.count = 0;
        if (o.count > 0 && !is_first(&o, o.errands[0].partition, letter))
            return stele_cli_fail(
                cli, STELE_EXIT_FAILED,
                "%s is behind another event of %s, and they are applied in order: "
                "dlq redrive %s --key",
                position, stele_quote(letter->key).text, name);
    } else {
        add_errands(&o, key, false);
    }
    return order(&o, STELE_ORDER_REDRIVE, NULL);
}

stele_exit stele_cmd_dlq_discard(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(office) o = {.cli = cli, .name = stele_arguments_operand(arguments, 0)};
    const char *position = stele_arguments_operand(arguments, 1);
    const char *key = stele_arguments_text(arguments, "key", NULL);
    const char *reason = stele_arguments_text(arguments, "reason", NULL);
    if ((position == NULL) == (key == NULL) || reason == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "dlq discard: a POSITION or --key ID, and --reason TEXT");
    stele_exit code = begin(&o);
    if (code == STELE_EXIT_DONE && position != NULL) code = add_position(&o, position);
    if (code != STELE_EXIT_DONE) return code;
    if (key != NULL) add_errands(&o, key, true);
    return order(&o, STELE_ORDER_DISCARD, reason);
}

stele_exit stele_cmd_dlq_park(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(office) o = {.cli = cli, .name = stele_arguments_operand(arguments, 0)};
    const char *reason = stele_arguments_text(arguments, "reason", NULL);
    if (reason == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "dlq park: --reason TEXT, which is kept");
    stele_exit code = begin(&o);
    if (code == STELE_EXIT_DONE) code = add_position(&o, stele_arguments_operand(arguments, 1));
    if (code != STELE_EXIT_DONE) return code;
    return order(&o, STELE_ORDER_PARK, reason);
}
