/* SPDX-License-Identifier: MIT
 * Tables of aggregates: checked once, when a writer or a test is opened. */
#include "aggregates/aggregate.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/suggest.h"
#include "core/text.h"
#include "schemas/upcast.h"

/* ---- what is in it ---- */

static size_t count_types(const stele_type *const *types)
{
    size_t count = 0;
    while (types != NULL && types[count] != NULL)
        count++;
    return count;
}

size_t stele_aggregate_event_count(const stele_aggregate *aggregate)
{
    return count_types(aggregate->events);
}

size_t stele_aggregate_command_count(const stele_aggregate *aggregate)
{
    size_t count = 0;
    while (aggregate->commands != NULL && aggregate->commands[count].type != NULL)
        count++;
    return count;
}

bool stele_aggregate_find_event(const stele_aggregate *aggregate, const stele_type *type,
                                size_t *index)
{
    for (size_t i = 0; i < stele_aggregate_event_count(aggregate); i++) {
        if (aggregate->events[i] != type) continue;
        *index = i;
        return true;
    }
    return false;
}

bool stele_aggregate_find_command(const stele_aggregate *aggregate, const stele_type *type,
                                  size_t *index)
{
    for (size_t i = 0; i < stele_aggregate_command_count(aggregate); i++) {
        if (aggregate->commands[i].type != type) continue;
        *index = i;
        return true;
    }
    return false;
}

const char *stele_type_short_name(const stele_type *type)
{
    const char *dot = strrchr(type->name, '.');
    return dot == NULL ? type->name : dot + 1;
}

static stele_status fail_no_command(const stele_aggregate *aggregate, stele_bytes name,
                                    stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) known = {0};
    stele_suggestion nearest = {.word = name};
    for (size_t i = 0; i < stele_aggregate_command_count(aggregate); i++) {
        const char *candidate = stele_type_short_name(aggregate->commands[i].type);
        stele_suggestion_offer(&nearest, candidate);
        stele_buffer_format(&known, "%s%s", i == 0 ? "" : ", ", candidate);
    }
    if (nearest.best != NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_REJECT,
                          "aggregate %s has no command %s; did you mean %s?", aggregate->name,
                          stele_quote(name).text, nearest.best);
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_REJECT,
                      "aggregate %s has no command %s; it has: %s", aggregate->name,
                      stele_quote(name).text, known.size == 0 ? "none" : stele_buffer_text(&known));
}

stele_status stele_aggregate_name_command(const stele_aggregate *aggregate, stele_bytes name,
                                          size_t *index, stele_error *err)
{
    for (size_t i = 0; i < stele_aggregate_command_count(aggregate); i++) {
        const stele_type *type = aggregate->commands[i].type;
        if (!stele_bytes_equal(name, stele_text(type->name)) &&
            !stele_bytes_equal(name, stele_text(stele_type_short_name(type))))
            continue;
        *index = i;
        return STELE_OK;
    }
    return fail_no_command(aggregate, name, err);
}

/* ---- checks ---- */

static stele_status check_name(const char *name, stele_error *err)
{
    enum { NAME_MAX = 200 }; /* leaves room in a topic's 249 for ".writer.v<n>.snapshots" */
    if (stele_name_is_valid(name, "._-", NAME_MAX)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s is no name of an aggregate: it is 1 to %d characters of a-z, A-Z, 0-9, "
                      "`.`, `_` and `-`, and begins with a letter, a digit or `-`",
                      stele_quote(stele_text(name)).text, NAME_MAX);
}

static bool is_record(const stele_type *type)
{
    return type->layout->kind == STELE_KIND_RECORD;
}

static stele_status check_state(const stele_aggregate *aggregate, stele_error *err)
{
    if (aggregate->version < 1)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "aggregate %s: its version is %d; one that has a state has a version, "
                          "from 1",
                          aggregate->name, aggregate->version);
    if (!is_record(aggregate->state))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "aggregate %s: its state is a record, and %s is none", aggregate->name,
                          aggregate->state->name);
    if (aggregate->events == NULL || aggregate->events[0] == NULL || aggregate->handlers == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "aggregate %s: it has a state, so it needs events and a handler for each",
                          aggregate->name);
    return STELE_OK;
}

static stele_status check_handlers(const stele_aggregate *aggregate, stele_error *err)
{
    size_t index;
    size_t event_count = stele_aggregate_event_count(aggregate);
    STELE_AUTO(uint8_t) handled = stele_alloc_array(event_count, sizeof *handled);
    for (const stele_handler *at = aggregate->handlers; at->event != NULL; at++) {
        if (!stele_aggregate_find_event(aggregate, at->event, &index))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: a handler for %s, which is not among its events; list "
                              "it there",
                              aggregate->name, at->event->name);
        if (handled[index]++ > 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: two handlers for %s", aggregate->name,
                              at->event->name);
    }
    for (size_t i = 0; i < event_count; i++) {
        if (!is_record(aggregate->events[i]))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: an event is a record, and %s is none", aggregate->name,
                              aggregate->events[i]->name);
        if (handled[i] == 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: no handler for its event %s: give it one, with "
                              ".apply = NULL if it does not change the state",
                              aggregate->name, aggregate->events[i]->name);
    }
    return STELE_OK;
}

/* A caller writes the name with or without the namespace, and means one command by either. */
static stele_status check_commands(const stele_aggregate *aggregate, stele_error *err)
{
    for (size_t i = 0; i < stele_aggregate_command_count(aggregate); i++) {
        const stele_command *command = &aggregate->commands[i];
        if (!is_record(command->type))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: a command is a record, and %s is none",
                              aggregate->name, command->type->name);
        if (command->decide == NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "aggregate %s: its command %s has no decide function",
                              aggregate->name, command->type->name);
        const char *name = stele_type_short_name(command->type);
        for (size_t k = 0; k < i; k++) {
            const stele_type *other = aggregate->commands[k].type;
            if (strcmp(stele_type_short_name(other), name) == 0)
                return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                                  "aggregate %s: two commands are called %s (%s and %s); commands "
                                  "of one aggregate differ in their names without the namespace",
                                  aggregate->name, name, other->name, command->type->name);
        }
    }
    return STELE_OK;
}

static stele_status check_remembered(const stele_aggregate *aggregate, stele_error *err)
{
    if (aggregate->remembered < 0 || aggregate->remembered > STELE_REMEMBERED_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "aggregate %s: remembered is %d; it is 0 (%d commands) or 1 to %d",
                          aggregate->name, aggregate->remembered, STELE_REMEMBERED,
                          STELE_REMEMBERED_MAX);
    if (aggregate->remembered_ms < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "aggregate %s: remembered_ms is negative; 0 is without end",
                          aggregate->name);
    return STELE_OK;
}

static stele_status check_timer(const stele_aggregate *aggregate, stele_error *err)
{
    if ((aggregate->due == NULL) == (aggregate->on_due == NULL)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "aggregate %s: it has %s; a timer needs both, when it is due and what it "
                      "does then",
                      aggregate->name,
                      aggregate->due == NULL ? "on_due and no due" : "due and no on_due");
}

static stele_status check_facts(const stele_aggregate *aggregate, stele_error *err)
{
    bool has_timer = aggregate->due != NULL || aggregate->on_due != NULL;
    if (aggregate->handlers == NULL && aggregate->commands == NULL && aggregate->version == 0 &&
        !has_timer)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "aggregate %s: it has %s and no state: give it one, an empty record if "
                      "nothing has to be known",
                      aggregate->name,
                      aggregate->commands != NULL   ? "commands"
                      : aggregate->handlers != NULL ? "handlers"
                      : has_timer                   ? "a timer"
                                                    : "a version");
}

stele_status stele_aggregate_check(const stele_aggregate *aggregate, stele_error *err)
{
    stele_status status = check_name(aggregate->name, err);
    if (status < 0) return status;
    if (!stele_aggregate_decides(aggregate)) return check_facts(aggregate, err);
    if ((status = check_state(aggregate, err)) < 0) return status;
    if ((status = check_handlers(aggregate, err)) < 0) return status;
    if ((status = check_commands(aggregate, err)) < 0) return status;
    if ((status = check_remembered(aggregate, err)) < 0) return status;
    if ((status = check_timer(aggregate, err)) < 0) return status;
    stele_error why;
    if ((status = stele_upcasters_check(aggregate->events, aggregate->upcasters, &why)) < 0)
        return stele_fail(err, status, STELE_NEXT_STOP, "aggregate %s: %s", aggregate->name,
                          why.text);
    return STELE_OK;
}

/* ---- the writer's projection ---- */

typedef struct writer_projection {
    stele_projection projection;
    char *name;
} writer_projection;

stele_projection *stele_writer_projection_new(const stele_aggregate *aggregate)
{
    writer_projection *made = stele_alloc(sizeof *made);
    made->name = stele_writer_name(aggregate->name);
    made->projection = (stele_projection){.name = made->name,
                                          .version = aggregate->version,
                                          .source = aggregate,
                                          .state = aggregate->state,
                                          .handlers = aggregate->handlers,
                                          .init = aggregate->init,
                                          .context = aggregate->context};
    return &made->projection;
}

void stele_writer_projection_free(stele_projection *projection)
{
    if (projection == NULL) return;
    free(((writer_projection *)projection)->name);
    free(projection);
}
