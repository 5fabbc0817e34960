/* SPDX-License-Identifier: MIT
 * Commands into their topic. */
#include <stele/sender.h>

#include <stele/codec.h>

#include "aggregates/aggregate.h"
#include "aggregates/call.h"
#include "aggregates/commands_topic.h"
#include "aggregates/remembered.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/uuid.h"
#include "kafka/partitioner.h"
#include "registry/client.h"
#include "registry/wire.h"

enum { TIMEOUT_MS = 30000, STEP_MS = 100, HEADERS_MAX = 4 };

struct stele_sender {
    const stele_aggregate *aggregate;
    stele_log *log;
    stele_registry *registry;
    char *topic;
    stele_uuid_source ids;
    stele_log_producer *producer; /* NULL: to be opened (again) */
    int32_t partitions;           /* 0: not known */
    int32_t *schemas;             /* by command; 0: not registered yet */
    stele_buffer value;
    bool is_delivered;
    stele_position position;
    stele_error failure;
};

stele_status stele_sender_open(stele_client *client, const stele_aggregate *aggregate,
                               stele_sender **out, stele_error *err)
{
    stele_status status = stele_aggregate_check(aggregate, err);
    if (status < 0) return status;
    size_t count = stele_aggregate_command_count(aggregate);
    if (count == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s takes no commands",
                          aggregate->name);
    stele_sender *made = stele_alloc(sizeof *made);
    made->aggregate = aggregate;
    made->log = stele_client_log(client);
    made->registry = stele_client_registry(client);
    made->topic = stele_commands_topic(aggregate->name);
    made->schemas = stele_alloc_array(count, sizeof *made->schemas);
    stele_uuid_source_init(&made->ids, stele_log_runtime(made->log));
    *out = made;
    return STELE_OK;
}

void stele_sender_close(stele_sender *sender)
{
    if (sender == NULL) return;
    stele_log_producer_close(sender->producer);
    stele_buffer_clear(&sender->value);
    free(sender->schemas);
    free(sender->topic);
    free(sender);
}

/* ---- what is sent ---- */

static stele_status encode(stele_sender *sender, const stele_call *call, int timeout_ms,
                           stele_error *err)
{
    size_t index;
    stele_status status = stele_call_find_command(sender->aggregate, call->type, &index, err);
    if (status < 0) return status;
    STELE_AUTO(char) subject = stele_registry_subject(sender->topic, call->type->name);
    if (sender->schemas[index] == 0)
        status = stele_registry_register(sender->registry, subject, stele_text(call->type->schema),
                                         NULL, 0, timeout_ms, &sender->schemas[index], err);
    if (status < 0) return status;
    stele_buffer_reset(&sender->value);
    stele_wire_begin(&sender->value, sender->schemas[index]);
    if ((status = stele_encode(call->type, call->command, &sender->value, err)) < 0) return status;
    return stele_call_check_size(call->type, sender->value.size, STELE_NEXT_REJECT, err);
}

/* ---- the producer ---- */

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    stele_sender *self = context;
    if (opaque != &self->value) return;
    self->is_delivered = true;
    self->position = position;
    self->failure = failure == NULL ? (stele_error){0} : *failure;
}

/* No writer takes commands from a topic with another count, and they would be in other partitions.
 */
static stele_status check_count(const stele_sender *sender, const stele_log_topic *commands,
                                int timeout_ms, stele_error *err)
{
    STELE_AUTO(char) events = stele_events_topic(sender->aggregate->name);
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(sender->log, events, timeout_ms, &found, err);
    if (status < 0 || found.partitions == commands->partitions) return status;
    return stele_commands_fail_count(sender->topic, commands->partitions, events, found.partitions,
                                     err);
}

static stele_status connect(stele_sender *sender, int timeout_ms, stele_error *err)
{
    stele_log_topic found;
    stele_status status = STELE_OK;
    if (sender->partitions == 0) {
        status = stele_log_topic_describe(sender->log, sender->topic, timeout_ms, &found, err);
        if (status == STELE_E_NOT_FOUND)
            return stele_commands_fail_missing(sender->aggregate->name, STELE_NEXT_STOP, err);
        if (status == STELE_OK) status = check_count(sender, &found, timeout_ms, err);
        if (status < 0) return status;
        sender->partitions = found.partitions;
    }
    if (sender->producer != NULL) return STELE_OK;
    stele_log_producer_options options = {
        .linger_ms = -1, .delivered = on_delivered, .context = sender};
    return stele_log_producer_open(sender->log, &options, &sender->producer, err);
}

/* Whatever it was, the command has an id: sent again, it has one effect. */
static stele_status doubt(stele_sender *sender, const stele_error *why, stele_error *err)
{
    stele_log_producer_close(sender->producer);
    sender->producer = NULL;
    sender->partitions = 0; /* the topic may have been made again */
    return stele_fail_cause(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, why->cause,
                            "whether the command is in %s is not known, send it again with its id: "
                            "%s",
                            sender->topic, why->text);
}

static stele_status await_delivery(stele_sender *sender, stele_deadline by, stele_error *err)
{
    stele_error failure;
    while (!sender->is_delivered) {
        if (stele_deadline_passed(by)) {
            stele_fail(&failure, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "no answer in its time");
            return doubt(sender, &failure, err);
        }
        if (stele_log_producer_poll(sender->producer, stele_deadline_remaining_ms(by, STEP_MS),
                                    &failure) < 0 &&
            failure.next != STELE_NEXT_RETRY)
            return doubt(sender, &failure, err);
    }
    if (sender->failure.status == STELE_OK) return STELE_OK;
    if (sender->failure.next == STELE_NEXT_STOP) return doubt(sender, &sender->failure, err);
    if (err != NULL) *err = sender->failure;
    return sender->failure.status;
}

static stele_status put(stele_sender *sender, const stele_call *call, const char *command_id,
                        stele_deadline by, stele_error *err)
{
    char version[24];
    stele_header headers[HEADERS_MAX] = {{STELE_COMMAND_ID, stele_text(command_id)}};
    size_t count = 1;
    if (call->correlation_id != NULL)
        headers[count++] =
            (stele_header){STELE_COMMAND_CORRELATION, stele_text(call->correlation_id)};
    if (call->traceparent != NULL)
        headers[count++] = (stele_header){STELE_COMMAND_TRACEPARENT, stele_text(call->traceparent)};
    if (call->expected_version != STELE_EXPECT_ANY) {
        snprintf(version, sizeof version, "%lld", (long long)call->expected_version);
        headers[count++] = (stele_header){STELE_COMMAND_EXPECTED_VERSION, stele_text(version)};
    }
    int32_t partition = stele_log_partition_of(call->aggregate_id, sender->partitions);
    const stele_log_entry entry = {.partition = {sender->topic, partition},
                                   .key = call->aggregate_id,
                                   .value = stele_buffer_view(&sender->value),
                                   .headers = headers,
                                   .header_count = count,
                                   .opaque = &sender->value};
    sender->is_delivered = false;
    stele_error failure;
    stele_status status = stele_log_producer_put(sender->producer, &entry, &failure);
    if (status < 0 && failure.next == STELE_NEXT_STOP) return doubt(sender, &failure, err);
    if (status < 0 && err != NULL) *err = failure;
    return status < 0 ? status : await_delivery(sender, by, err);
}

stele_status stele_send(stele_sender *sender, const stele_call *call, stele_sent *sent,
                        stele_error *err)
{
    stele_sent done = {.offset = STELE_OFFSET_NONE};
    int timeout_ms = call->timeout_ms == 0 ? TIMEOUT_MS : call->timeout_ms;
    stele_deadline by = stele_deadline_after(stele_log_clock(sender->log), timeout_ms);
    char made[STELE_UUID_TEXT_SIZE + 1];
    const char *command_id = call->command_id;
    if (command_id == NULL) {
        stele_uuid id = stele_uuid_source_next(&sender->ids);
        stele_uuid_format(&id, made);
        command_id = made;
    }
    stele_status status = stele_call_check(call, err);
    if (status < 0) return status;
    memcpy(done.command_id, command_id, strlen(command_id) + 1);
    if (sent != NULL) *sent = done;
    if ((status = connect(sender, stele_deadline_remaining_ms(by, timeout_ms), err)) < 0 ||
        (status = encode(sender, call, stele_deadline_remaining_ms(by, timeout_ms), err)) < 0 ||
        (status = put(sender, call, command_id, by, err)) < 0)
        return status;
    done.partition = sender->position.partition.index;
    done.offset = sender->position.offset;
    memcpy(done.topic, sender->topic, strlen(sender->topic) + 1);
    if (sent != NULL) *sent = done;
    return STELE_OK;
}
