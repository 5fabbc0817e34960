/* SPDX-License-Identifier: MIT
 * The commands of an aggregate's history: decided on three times, compared, appended as a writer
 * does, and held until they were expected. */
#include "testing/test_inside.h"

#include <stele/codec.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/decision.h"
#include "consumer/event.h"
#include "core/alloc.h"
#include "core/text.h"
#include "core/uuid.h"

enum { ID_ROOM = 32 };

/* A copy of what was decided. */
typedef struct decided {
    stele_status status; /* OK, REJECTED, or a failure */
    char code[STELE_REJECT_CODE_MAX + 1];
    char text[STELE_ERROR_TEXT_MAX + 1]; /* why not OK */
    stele_buffer data;
    stele_decided_event *events;
    size_t count;
} decided;

struct stele_test_commands {
    const stele_aggregate *aggregate;
    stele_projection *projection; /* owned */
    stele_decider *decider;
    stele_uuid_source ids;
    const char *name; /* of the last command; NULL: none yet */
    decided last;
    size_t named;     /* how many of its events were named */
    bool is_expected; /* its rejection or failure was */
    int64_t count;    /* of commands */
};

/* ---- making ---- */

stele_test *stele_test_aggregate(const stele_aggregate *aggregate)
{
    stele_error err;
    stele_test *test;
    stele_test_commands *commands = stele_alloc(sizeof *commands);
    commands->aggregate = aggregate;
    if (stele_decider_new(aggregate, &commands->decider, &err) == STELE_OK) {
        commands->projection = stele_writer_projection_new(aggregate);
        test = stele_test_open(commands->projection, aggregate->name);
    } else {
        test = stele_alloc(sizeof *test);
        test->name = aggregate->name == NULL ? "(unnamed)" : aggregate->name;
        stele_test_fail(test, "cannot be tested: %s", err.text);
    }
    test->commands = commands;
    if (test->log != NULL) stele_uuid_source_init(&commands->ids, stele_log_runtime(test->log));
    return test;
}

static void clear_decided(decided *of)
{
    stele_buffer_clear(&of->data);
    free(of->events);
    *of = (decided){.status = STELE_OK};
}
STELE_VALUE_SCOPE(decided, clear_decided);

void stele_test_commands_free(stele_test_commands *commands)
{
    if (commands == NULL) return;
    clear_decided(&commands->last);
    stele_decider_free(commands->decider);
    stele_writer_projection_free(commands->projection);
    free(commands);
}

/* ---- what is still to be expected ---- */

bool stele_test_commands_go_on(stele_test *test)
{
    const stele_test_commands *commands = test->commands;
    if (commands == NULL || commands->last.status == STELE_OK || commands->is_expected) return true;
    const decided *last = &commands->last;
    if (last->status == STELE_E_REJECTED)
        return stele_test_fail(test, "%s was rejected with %s: %s", commands->name, last->code,
                               last->text);
    return stele_test_fail(test, "%s failed: %s", commands->name, last->text);
}

static const void *read_event(stele_test *test, size_t at)
{
    stele_error err;
    const void *event = NULL;
    stele_test_commands *commands = test->commands;
    if (stele_decider_read_event(commands->decider, &commands->last.events[at], &event, &err) < 0)
        stele_test_fail(test, "an event that was decided on cannot be read: %s", err.text);
    return event;
}

static const stele_type *type_of(const stele_test *test, size_t at)
{
    return test->commands->aggregate->events[test->commands->last.events[at].index];
}

/* The event at `named` was not expected. */
static bool fail_more(stele_test *test, const char *instead)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    size_t at = test->commands->named;
    const void *event = read_event(test, at);
    return event != NULL &&
           stele_test_fail(test, "event %zu of %s is %s %s%s", at + 1, test->commands->name,
                           type_of(test, at)->name,
                           stele_test_text(type_of(test, at), event, &text), instead);
}

bool stele_test_commands_settled(stele_test *test)
{
    if (!stele_test_goes_on(test)) return false;
    stele_test_commands *commands = test->commands;
    if (commands == NULL || commands->named == 0 || commands->named == commands->last.count)
        return true;
    return fail_more(test, ", which was not expected");
}

/* ---- deciding ---- */

static void copy_outcome(decided *to, stele_status status, const stele_decided *outcome,
                         const stele_error *err)
{
    to->status = status;
    memcpy(to->code, outcome->code, sizeof to->code);
    if (status < 0) memcpy(to->text, err->text, sizeof to->text);
    to->events = stele_alloc_array(outcome->count, sizeof *to->events);
    to->count = outcome->count;
    for (size_t i = 0; i < outcome->count; i++)
        stele_buffer_append(&to->data, outcome->events[i].data);
    const uint8_t *at = stele_buffer_view(&to->data).data;
    for (size_t i = 0; i < outcome->count; i++) {
        to->events[i].index = outcome->events[i].index;
        to->events[i].data = stele_bytes_of(at, outcome->events[i].data.size);
        at += outcome->events[i].data.size;
    }
}

static bool same_decision(const decided *a, const decided *b)
{
    if (a->status != b->status || a->count != b->count || strcmp(a->code, b->code) != 0 ||
        strcmp(a->text, b->text) != 0)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->events[i].index != b->events[i].index ||
            !stele_bytes_equal(a->events[i].data, b->events[i].data))
            return false;
    return true;
}

static bool is_finished(const stele_entry *entry)
{
    return entry != NULL && (entry->flags & STELE_ENTRY_FINISHED) != 0;
}

/* Decide as a writer that has these states. @return false: the command cannot be read */
static bool decide(stele_test *test, stele_states *states, stele_to_decide what, stele_bytes bytes,
                   decided *out)
{
    stele_error err;
    stele_decided outcome;
    stele_decider *decider = test->commands->decider;
    stele_entry *entry = stele_test_find(states, what.aggregate_id);
    if (!what.is_due &&
        stele_decider_read_command(decider, what.index, bytes, &what.command, &err) < 0)
        return stele_test_fail(test, "cannot be read back: %s", err.text);
    what.state = entry == NULL ? NULL : stele_entry_state(entry);
    what.version = entry == NULL ? 0 : entry->version;
    err.text[0] = '\0';
    stele_status status =
        is_finished(entry)
            ? stele_decider_reject_finished(decider, what.aggregate_id, &outcome, &err)
            : stele_decider_decide(decider, &what, &outcome, &err);
    copy_outcome(out, status, &outcome, &err);
    return true;
}

static const char *outcome_text(stele_test *test, const decided *of, stele_buffer *into)
{
    stele_buffer_reset(into);
    if (of->status < 0)
        stele_buffer_format(into, "%s %s: %s", stele_status_name(of->status), of->code, of->text);
    for (size_t i = 0; i < of->count; i++) {
        const void *event = NULL;
        STELE_AUTO_VALUE(stele_buffer) one = {0};
        const stele_type *type = test->commands->aggregate->events[of->events[i].index];
        if (stele_decider_read_event(test->commands->decider, &of->events[i], &event, NULL) < 0)
            continue;
        stele_buffer_format(into, "%s%s %s", i == 0 ? "" : ", ", type->name,
                            stele_test_text(type, event, &one));
    }
    return into->size == 0 ? "nothing" : stele_buffer_text(into);
}

static bool compare(stele_test *test, const decided *one, const decided *other, const char *when)
{
    if (same_decision(one, other)) return true;
    STELE_AUTO_VALUE(stele_buffer) a = {0};
    STELE_AUTO_VALUE(stele_buffer) b = {0};
    return stele_test_fail(test,
                           "%s the decision on %s is another one: its function depends on "
                           "something besides its arguments\n  first: %s\n  then:  %s",
                           when, test->commands->name, outcome_text(test, one, &a),
                           outcome_text(test, other, &b));
}

/* ---- appending ---- */

enum { HEADERS_MAX = 4 };

static size_t add_header(stele_header *headers, size_t count, const char *name, const char *value)
{
    if (value == NULL) return count;
    headers[count] = (stele_header){name, stele_text(value)};
    return count + 1;
}

static size_t make_headers(stele_header headers[HEADERS_MAX], const char *event_id,
                           const stele_publish_options *options)
{
    size_t count = add_header(headers, 0, "ce_id", event_id);
    count = add_header(headers, count, "ce_correlationid", options->correlation_id);
    count = add_header(headers, count, "ce_causationid", options->causation_id);
    return add_header(headers, count, "traceparent", options->traceparent);
}

/* One event, with the headers that it is going to have. */
static stele_status apply_one(stele_test *test, size_t at, const char *id, int64_t version,
                              const stele_publish_options *options, void *copy, stele_error *err)
{
    stele_header headers[HEADERS_MAX];
    const stele_event_record record = {
        .headers = headers, .header_count = make_headers(headers, options->event_id, options)};
    const stele_event about = {.aggregate_id = stele_text(id),
                               .version = version,
                               .time_ms = test->time_ms,
                               .topic = test->topic,
                               .offset = -1,
                               .source = &record};
    return stele_decider_apply(test->commands->decider, &test->commands->last.events[at], &about,
                               copy, err);
}

static void name_event(char text[STELE_UUID_TEXT_SIZE + 1], const stele_uuid *first, size_t at)
{
    stele_uuid own = stele_uuid_plus(first, at);
    stele_uuid_format(&own, text);
}

/* What a writer does before it appends: apply the events to a copy. */
static bool apply_to_copy(stele_test *test, const char *id, stele_publish_options options,
                          const stele_uuid *first, void *copy)
{
    stele_error err;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    int64_t version = entry == NULL ? 0 : entry->version;
    stele_value_copy(test->projection->state, copy,
                     entry == NULL ? stele_decider_blank(test->commands->decider)
                                   : stele_entry_state(entry));
    stele_status status = STELE_OK;
    for (size_t i = 0; i < test->commands->last.count; i++) {
        char event_id[STELE_UUID_TEXT_SIZE + 1];
        if (status == STELE_FINISHED)
            return stele_test_fail(test,
                                   "event %zu of %s comes after the one that finishes %s: "
                                   "finished is final",
                                   i + 1, test->commands->name, id);
        name_event(event_id, first, i);
        options.event_id = event_id;
        status = apply_one(test, i, id, version + (int64_t)i + 1, &options, copy, &err);
        if (status < 0) return stele_test_fail(test, "%s", err.text);
    }
    return true;
}

static bool publish_all(stele_test *test, const char *id, stele_publish_options options,
                        const stele_uuid *first)
{
    for (size_t i = 0; i < test->commands->last.count; i++) {
        char event_id[STELE_UUID_TEXT_SIZE + 1];
        name_event(event_id, first, i);
        options.event_id = event_id;
        const void *event = read_event(test, i);
        if (event == NULL || !stele_test_publish(test, id, type_of(test, i), event, &options))
            return false;
        if (test->stopped.status != STELE_OK)
            return stele_test_fail(test, "stopped: %s", test->stopped.text);
    }
    return true;
}

static bool same_state(stele_test *test, const char *id, const void *copy)
{
    const stele_type *type = test->projection->state;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    if (entry == NULL || stele_value_equal(type, stele_entry_state(entry), copy)) return true;
    STELE_AUTO_VALUE(stele_buffer) a = {0};
    STELE_AUTO_VALUE(stele_buffer) b = {0};
    return stele_test_fail(test,
                           "the state of %s is another one before its events are in the log: an "
                           "apply function depends on their offset\n  before: %s\n  after:  %s",
                           id, stele_test_text(type, copy, &a),
                           stele_test_text(type, stele_entry_state(entry), &b));
}

static bool append(stele_test *test, const char *id, const char *command_id)
{
    stele_publish_options options = {0};
    if (test->with != NULL) options = *test->with;
    options.causation_id = command_id;
    stele_uuid first = stele_uuid_source_next(&test->commands->ids);
    void *copy = stele_alloc(test->projection->state->layout->size);
    bool is_good = apply_to_copy(test, id, options, &first, copy) &&
                   publish_all(test, id, options, &first) && same_state(test, id, copy);
    stele_value_clear(test->projection->state, copy);
    free(copy);
    return is_good;
}

/* ---- when ---- */

static bool decide_three_times(stele_test *test, const stele_to_decide *what, stele_bytes bytes)
{
    STELE_AUTO_VALUE(decided) again = {0};
    STELE_AUTO_VALUE(decided) restarted = {0};
    return stele_test_restart(test, what->aggregate_id) &&
           decide(test, test->states, *what, bytes, &test->commands->last) &&
           decide(test, test->states, *what, bytes, &again) &&
           compare(test, &test->commands->last, &again, "a second time") &&
           decide(test, test->restarted, *what, bytes, &restarted) &&
           compare(test, &test->commands->last, &restarted, "after a restart");
}

static bool begin(stele_test *test, const char *name)
{
    if (!stele_test_commands_settled(test)) return false;
    stele_test_commands *commands = test->commands;
    if (commands == NULL)
        return stele_test_fail(test, "a projection takes no commands: stele_test_aggregate");
    clear_decided(&commands->last);
    commands->name = name;
    commands->named = 0;
    commands->is_expected = false;
    commands->count++;
    return true;
}

bool stele_test_when(stele_test *test, const char *id, const stele_type *type, const void *command)
{
    stele_error err;
    size_t index;
    char command_id[ID_ROOM];
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    if (!begin(test, type->name)) return false;
    if (!stele_aggregate_find_command(test->commands->aggregate, type, &index))
        return stele_test_fail(test, "%s is none of its commands", type->name);
    if (stele_encode(type, command, &bytes, &err) < 0)
        return stele_test_fail(test, "this cannot be a %s: %s", type->name, err.text);
    snprintf(command_id, sizeof command_id, "command-%" PRId64, test->commands->count);
    stele_to_decide what = {.index = index,
                            .aggregate_id = stele_text(id),
                            .time_ms = test->time_ms,
                            .command_id = command_id};
    return decide_three_times(test, &what, stele_buffer_view(&bytes)) &&
           append(test, id, command_id);
}

bool stele_test_when_json(stele_test *test, const char *id, const stele_type *type,
                          const char *command)
{
    if (!stele_test_goes_on(test)) return false;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, type->layout->size);
    return stele_test_read_json(test, type, command, value, arena) &&
           stele_test_when(test, id, type, value);
}

/* ---- timers ---- */

/* 0: it has none. */
static int64_t due_of(const stele_test *test, const char *id)
{
    const stele_aggregate *aggregate = test->commands->aggregate;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    if (entry == NULL || is_finished(entry) || aggregate->due == NULL) return 0;
    int64_t due_ms = aggregate->due(stele_entry_state(entry), aggregate->context);
    return due_ms > 0 ? due_ms : 0;
}

bool stele_test_when_due(stele_test *test, const char *id)
{
    char command_id[ID_ROOM];
    if (!begin(test, "its timer")) return false;
    int64_t due_ms = due_of(test, id);
    if (due_ms == 0) return stele_test_fail(test, "%s has no timer that could be due", id);
    if (test->time_ms < due_ms) test->time_ms = due_ms;
    stele_entry *entry = stele_test_find(test->states, stele_text(id));
    snprintf(command_id, sizeof command_id, "stele:due/%" PRId64, entry->version);
    stele_to_decide what = {.aggregate_id = stele_text(id),
                            .time_ms = test->time_ms,
                            .command_id = command_id,
                            .is_due = true};
    if (!decide_three_times(test, &what, (stele_bytes){0}) || !append(test, id, command_id))
        return false;
    int64_t next_ms = due_of(test, id);
    if (next_ms == 0 || next_ms > due_ms) return true;
    return stele_test_fail(test,
                           "the timer of %s has fired and is still due at %" PRId64
                           ": it would fire again and again; what on_due yields puts it off or "
                           "ends it",
                           id, next_ms);
}

bool stele_test_then_due(stele_test *test, const char *id, int64_t time_ms)
{
    if (!stele_test_goes_on(test)) return false;
    if (test->commands == NULL)
        return stele_test_fail(test, "a projection has no timers: stele_test_aggregate");
    int64_t due_ms = due_of(test, id);
    if (due_ms == time_ms) return true;
    return stele_test_fail(
        test, "the timer of %s is due at %" PRId64 ", expected %" PRId64 " (0: it has none)", id,
        due_ms, time_ms);
}

/* ---- then ---- */

/* There is a command that something may be expected of. */
static bool has_command(stele_test *test)
{
    if (test->failure[0] != '\0') return false;
    if (test->commands != NULL && test->commands->name != NULL) return true;
    return stele_test_fail(test, "no command has come: stele_test_when");
}

static bool fail_accepted(stele_test *test, const char *expected)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    return stele_test_fail(test, "%s was accepted, expected that it %s; it yields: %s",
                           test->commands->name, expected,
                           outcome_text(test, &test->commands->last, &text));
}

bool stele_test_then_event(stele_test *test, const stele_type *type, const void *event)
{
    if (!stele_test_goes_on(test) || !has_command(test)) return false;
    stele_test_commands *commands = test->commands;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    STELE_AUTO_VALUE(stele_buffer) instead = {0};
    const char *expected = stele_test_text(type, event, &text);
    if (commands->named == commands->last.count)
        return stele_test_fail(test, "%s yields %zu events; expected another one, %s %s",
                               commands->name, commands->last.count, type->name, expected);
    const void *found = read_event(test, commands->named);
    if (found == NULL) return false;
    if (type_of(test, commands->named) == type && stele_value_equal(type, found, event)) {
        commands->named++;
        return true;
    }
    stele_buffer_format(&instead, "\n  expected: %s %s", type->name, expected);
    return fail_more(test, stele_buffer_text(&instead));
}

bool stele_test_then_event_json(stele_test *test, const stele_type *type, const char *event)
{
    if (!stele_test_goes_on(test)) return false;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, type->layout->size);
    return stele_test_read_json(test, type, event, value, arena) &&
           stele_test_then_event(test, type, value);
}

bool stele_test_then_nothing(stele_test *test)
{
    if (!stele_test_goes_on(test) || !has_command(test)) return false;
    return test->commands->named == test->commands->last.count ||
           fail_more(test, ", expected nothing");
}

bool stele_test_then_rejected(stele_test *test, const char *code)
{
    if (!has_command(test)) return false;
    stele_test_commands *commands = test->commands;
    if (commands->last.status == STELE_OK) return fail_accepted(test, "is rejected");
    if (commands->last.status != STELE_E_REJECTED) return stele_test_goes_on(test);
    if (strcmp(commands->last.code, code) != 0)
        return stele_test_fail(test, "%s was rejected with %s (%s), expected %s", commands->name,
                               commands->last.code, commands->last.text, code);
    commands->is_expected = true;
    return true;
}

bool stele_test_then_failed(stele_test *test, const char *text)
{
    if (!has_command(test)) return false;
    stele_test_commands *commands = test->commands;
    if (commands->last.status == STELE_OK) return fail_accepted(test, "fails");
    if (commands->last.status == STELE_E_REJECTED || strstr(commands->last.text, text) == NULL)
        return stele_test_goes_on(test);
    commands->is_expected = true;
    return true;
}
