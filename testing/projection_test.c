/* SPDX-License-Identifier: MIT
 * A history, of a projection or of an aggregate: publishes to a log in memory, applies what is in
 * it, and compares. What events mean is the projection's. */
#include "testing/test_inside.h"

#include <stele/codec.h>
#include <stele/json.h>

#include <stdarg.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/names.h"
#include "core/message.h"
#include "core/text.h"
#include "registry/client.h"
#include "registry/wire.h"

enum { PATIENCE_MS = 10000, LOOK_MS = 1 };

#define BEGIN_MS INT64_C(946684800000) /* 2000-01-01T00:00:00Z */

/* ---- failing ---- */

bool stele_test_fail(stele_test *test, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(test->failure, sizeof test->failure, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", test->name, test->failure);
    return false;
}

static bool fail_error(stele_test *test, const char *what, const stele_error *why)
{
    return stele_test_fail(test, "%s: %s", what, why->text);
}

bool stele_test_goes_on(stele_test *test)
{
    if (test->failure[0] != '\0') return false;
    if (test->stopped.status == STELE_OK) return stele_test_commands_go_on(test);
    return stele_test_fail(test, "%s: %s", test->ended ? "nothing may follow a stop" : "stopped",
                           test->stopped.text);
}

const char *stele_test_text(const stele_type *type, const void *value, stele_buffer *into)
{
    stele_error err;
    stele_buffer_reset(into);
    if (stele_json_write(type, value, STELE_JSON_PLAIN, into, &err) < 0) return "no valid value";
    return stele_buffer_text(into);
}

static const char *state_text(const stele_test *test, const void *state, stele_buffer *into)
{
    return stele_test_text(test->projection->state, state, into);
}

/* ---- opening ---- */

static stele_status open_log(stele_test *test, stele_error *err)
{
    stele_status status = stele_log_memory_new(NULL, &test->log, err);
    if (status < 0) return status;
    test->topic = stele_events_topic(test->projection->source->name);
    const stele_header any_time = {"message.timestamp.after.max.ms",
                                   stele_text("9223372036854775807")};
    stele_log_topic_options topic = {
        .name = test->topic, .partitions = 1, .settings = &any_time, .setting_count = 1};
    if ((status = stele_log_topic_create(test->log, &topic, PATIENCE_MS, err)) < 0) return status;
    if ((status = stele_log_reader_open(test->log, &(stele_log_reader_options){.batch_max = 1},
                                        &test->reader, err)) < 0)
        return status;
    return stele_log_reader_start(test->reader, (stele_partition){test->topic, 0}, 0, err);
}

static stele_status open_states(stele_test *test, stele_states **out, stele_error *err)
{
    return stele_states_new(
        &(stele_states_options){.projection = test->projection,
                                .registry = stele_client_registry(test->client)},
        out, err);
}

static stele_status register_state(stele_test *test, stele_error *err)
{
    STELE_AUTO(char)
    topic = stele_snapshots_topic(test->projection->name, test->projection->version);
    STELE_AUTO(char) subject = stele_registry_subject(topic, test->projection->state->name);
    return stele_registry_register(stele_client_registry(test->client), subject,
                                   stele_text(test->projection->state->schema), NULL, 0,
                                   PATIENCE_MS, &test->state_schema, err);
}

/* A history may have old events beside new ones, which only an upcaster brings together. */
static stele_status take_every_version(stele_test *test, stele_error *err)
{
    static const stele_compatibility none = STELE_COMPATIBILITY_NONE;
    return stele_registry_set_level(stele_client_registry(test->client), NULL, &none, PATIENCE_MS,
                                    err);
}

static stele_status open_test(stele_test *test, stele_error *err)
{
    stele_status status = open_log(test, err);
    if (status == STELE_OK)
        status = stele_client_open_on(test->log, NULL, test->projection->name, &test->client, err);
    if (status == STELE_OK) status = take_every_version(test, err);
    if (status == STELE_OK) status = open_states(test, &test->states, err);
    if (status == STELE_OK) status = open_states(test, &test->restarted, err);
    if (status == STELE_OK) status = register_state(test, err);
    if (status < 0) return status;
    stele_publisher_options options = {.aggregate = test->projection->source->name};
    return stele_publisher_open(test->client, &options, &test->publisher, err);
}

stele_test *stele_test_open(const stele_projection *projection, const char *name)
{
    stele_error err;
    stele_test *test = stele_alloc(sizeof *test);
    test->projection = projection;
    test->name = name;
    test->time_ms = BEGIN_MS;
    if (open_test(test, &err) < 0) fail_error(test, "cannot be tested", &err);
    return test;
}

stele_test *stele_test_projection(const stele_projection *projection)
{
    return stele_test_open(projection, projection->name);
}

int stele_test_end(stele_test *test)
{
    bool was_expected = test->ended && test->failure[0] == '\0';
    bool is_settled = test->rules != NULL ? stele_test_rules_settled(test)
                                          : was_expected || stele_test_commands_settled(test);
    if (test->publisher != NULL) stele_publisher_close(test->publisher, PATIENCE_MS, NULL);
    stele_states_free(test->states);
    stele_states_free(test->restarted);
    stele_log_reader_close(test->reader);
    stele_client_close(test->client);
    stele_log_free(test->log);
    free(test->topic);
    stele_test_commands_free(test->commands);
    stele_test_rules_free(test->rules);
    free(test);
    return is_settled ? 0 : 1;
}

const char *stele_test_failure(const stele_test *test)
{
    return test->failure;
}

/* ---- given ---- */

bool stele_test_at(stele_test *test, int64_t time_ms)
{
    if (!stele_test_goes_on(test)) return false;
    if (time_ms <= 0)
        return stele_test_fail(test, "%lld is no time of an event", (long long)time_ms);
    test->time_ms = time_ms;
    return true;
}

bool stele_test_with(stele_test *test, const stele_publish_options *options)
{
    if (!stele_test_goes_on(test)) return false;
    test->with = options;
    return true;
}

stele_entry *stele_test_find(stele_states *states, stele_bytes id)
{
    return stele_table_find(stele_states_table(states), id);
}

static bool is_finished(const stele_entry *entry)
{
    return (entry->flags & STELE_ENTRY_FINISHED) != 0;
}

/* Apply a batch; a schema that is asked for for the first time is waited for. */
static stele_status take(stele_test *test, stele_states *states, const stele_batch *batch,
                         int64_t position, stele_error *err)
{
    const stele_record *last;
    stele_deadline deadline = stele_deadline_after(stele_log_clock(test->log), PATIENCE_MS);
    stele_status status;
    while ((status = stele_states_take(states, batch, &position, &last, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !stele_deadline_passed(deadline))
        stele_sleep_ms(stele_log_runtime(test->log), LOOK_MS);
    return status;
}

static stele_status restore(stele_test *test, const stele_snapshot *snapshot, stele_error *err)
{
    stele_deadline deadline = stele_deadline_after(stele_log_clock(test->log), PATIENCE_MS);
    stele_status status;
    while ((status = stele_states_restore(test->restarted, snapshot, err)) < 0 &&
           err->next == STELE_NEXT_RETRY && !stele_deadline_passed(deadline))
        stele_sleep_ms(stele_log_runtime(test->log), LOOK_MS);
    return status;
}

/* What a snapshot of this state would hold. */
static bool encode(stele_test *test, stele_bytes id, stele_entry *entry, stele_buffer *into)
{
    stele_error err;
    stele_wire_begin(into, test->state_schema);
    if (stele_encode(test->projection->state, stele_entry_state(entry), into, &err) == STELE_OK)
        return true;
    return stele_test_fail(test, "no snapshot can hold the state of %s: %s", stele_quote(id).text,
                           err.text);
}

bool stele_test_restart(stele_test *test, stele_bytes id)
{
    stele_error err;
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    stele_entry *entry = stele_test_find(test->states, id);
    if (entry == NULL) return true;
    if (!encode(test, id, entry, &value)) return false;

    stele_snapshot snapshot = {.id = id,
                               .value = stele_buffer_view(&value),
                               .version = entry->version,
                               .offset = entry->offset,
                               .finished = is_finished(entry)};
    return restore(test, &snapshot, &err) == STELE_OK ||
           stele_test_fail(test, "the state of %s cannot be restored: %s", stele_quote(id).text,
                           err.text);
}

static bool same_after_restart(stele_test *test, stele_bytes id)
{
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) two = {0};
    stele_entry *entry = stele_test_find(test->states, id);
    stele_entry *other = stele_test_find(test->restarted, id);
    if (entry == NULL || other == NULL) return entry == other; /* an event that is ignored */
    if (!encode(test, id, entry, &one) || !encode(test, id, other, &two)) return false;
    if (is_finished(entry) == is_finished(other) &&
        stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&two)))
        return true;

    return stele_test_fail(
        test,
        "after a restart before its last event the state of %s is another one: an apply "
        "function depends on something besides its arguments\n  without: %s\n  with:    %s",
        stele_quote(id).text, state_text(test, stele_entry_state(entry), &one),
        state_text(test, stele_entry_state(other), &two));
}

/* Both must come to the same end; the finding of the first one counts. */
static bool apply(stele_test *test, const stele_batch *batch)
{
    stele_error err;
    stele_bytes id = batch->records[0].key;
    if (!stele_test_restart(test, id)) return false;
    stele_status status = take(test, test->states, batch, test->position, &test->stopped);
    stele_status other = take(test, test->restarted, batch, test->position, &err);
    test->position = batch->next_offset;
    if (status == STELE_OK) test->stopped = (stele_error){0};
    if (status == STELE_OK && other < 0)
        return stele_test_fail(test, "refused only after a restart: %s", err.text);
    return status < 0 || same_after_restart(test, id);
}

static bool read_and_apply(stele_test *test)
{
    stele_error err;
    for (bool applied = false; !applied;) {
        STELE_AUTO_VALUE(stele_batch) batch = {0};
        if (stele_log_reader_next(test->reader, PATIENCE_MS, &batch, &err) < 0)
            return stele_test_fail(test, "the event did not come out of the log");
        if (batch.status < 0) return fail_error(test, "the log", &batch.error);
        applied = batch.count > 0;
        if (applied && !apply(test, &batch)) return false;
    }
    return true;
}

bool stele_test_publish(stele_test *test, const char *id, const stele_type *type, const void *event,
                        const stele_publish_options *options)
{
    stele_error err;
    stele_publish_options timed = *options;
    timed.time_ms = test->time_ms;
    if (stele_publisher_publish(test->publisher, stele_text(id), type, event, &timed, &err) < 0 ||
        stele_publisher_flush(test->publisher, PATIENCE_MS, &err) < 0)
        return fail_error(test, "this cannot be an event", &err);
    return read_and_apply(test);
}

bool stele_test_given(stele_test *test, const char *id, const stele_type *type, const void *event)
{
    static const stele_publish_options nothing = {0};
    if (test->rules != NULL) return stele_test_react(test, id, type, event);
    if (!stele_test_commands_settled(test)) return false;
    return stele_test_publish(test, id, type, event, test->with != NULL ? test->with : &nothing);
}

bool stele_test_read_json(stele_test *test, const stele_type *type, const char *text, void *value,
                          stele_arena *arena)
{
    stele_error err;
    if (stele_json_read(type, stele_text(text), STELE_JSON_PLAIN, NULL, value, arena, &err) < 0)
        return stele_test_fail(test, "the JSON of a %s: %s", type->name, err.text);
    return true;
}

bool stele_test_given_json(stele_test *test, const char *id, const stele_type *type,
                           const char *event)
{
    if (!stele_test_goes_on(test)) return false;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, type->layout->size);
    return stele_test_read_json(test, type, event, value, arena) &&
           stele_test_given(test, id, type, value);
}

/* ---- then ---- */

/* Nothing was wrong, and there are states to look at. */
static bool has_states(stele_test *test)
{
    if (!stele_test_goes_on(test)) return false;
    return test->rules == NULL || stele_test_fail(test, "reactions have no state");
}

bool stele_test_then(stele_test *test, const char *id, const void *state)
{
    if (!has_states(test)) return false;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    if (entry == NULL || is_finished(entry))
        return stele_test_fail(test, "%s has no state: %s", id,
                               entry == NULL ? "no event of it was applied" : "it is finished");
    void *found = stele_entry_state(entry);
    if (stele_value_equal(test->projection->state, found, state)) return true;

    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) two = {0};
    return stele_test_fail(test,
                           "the state of %s is not as expected\n  is:       %s\n  expected: %s", id,
                           state_text(test, found, &one), state_text(test, state, &two));
}

bool stele_test_then_json(stele_test *test, const char *id, const char *state)
{
    if (!has_states(test)) return false;
    const stele_type *type = test->projection->state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, type->layout->size);
    return stele_test_read_json(test, type, state, value, arena) &&
           stele_test_then(test, id, value);
}

bool stele_test_then_none(stele_test *test, const char *id)
{
    if (!has_states(test)) return false;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    return entry == NULL || stele_test_fail(test, "%s has had %lld events, expected none", id,
                                            (long long)entry->version);
}

bool stele_test_then_finished(stele_test *test, const char *id)
{
    if (!has_states(test)) return false;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    return (entry != NULL && is_finished(entry)) || stele_test_fail(test, "%s is not finished", id);
}

bool stele_test_then_stopped(stele_test *test, const char *text)
{
    if (test->failure[0] != '\0') return false;
    if (test->stopped.status == STELE_OK)
        return stele_test_fail(test, "it did not stop, expected \"%s\"", text);
    if (strstr(test->stopped.text, text) == NULL) return stele_test_goes_on(test);
    test->ended = true;
    return true;
}
