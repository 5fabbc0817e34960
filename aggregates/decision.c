/* SPDX-License-Identifier: MIT
 * One decision at a time: what a decide function yields is encoded at once, so that what is applied
 * and appended are the same bytes. What the function does wrong is remembered until it returns. */
#include "aggregates/decision.h"

#include <stdarg.h>
#include <string.h>

#include <stele/codec.h>

#include "aggregates/aggregate.h"
#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"
#include "schemas/scopes.h"

/* Decodes one type's own bytes. */
typedef struct reader {
    const stele_type *type;
    stele_plan *plan; /* NULL: the type has code for it */
} reader;

/* Values of some types, one at a time. */
typedef struct room {
    reader *readers;
    size_t count;
    void *value; /* of the largest of them */
    stele_arena *arena;
} room;

struct stele_decider {
    const stele_aggregate *aggregate;
    void *blank;
    room commands, events;

    /* Of the decision under way, or the last one. */
    stele_buffer data; /* of its events, one behind the other */
    stele_decided_event *decided;
    size_t count, capacity;
    size_t event_max;
    bool rejected;
    char code[STELE_REJECT_CODE_MAX + 1];
    char reason[STELE_ERROR_TEXT_MAX + 1];
    stele_error misuse; /* the first; status OK: none */
};

/* ---- making ---- */

static stele_status add_reader(room *to, const stele_type *type, stele_error *err)
{
    reader *made = &to->readers[to->count++];
    made->type = type;
    if (type->decode != NULL) return STELE_OK;
    STELE_AUTO(stele_schema) schema = NULL;
    stele_status status = stele_schema_parse(stele_text(type->schema), NULL, &schema, err);
    if (status < 0) return status;
    return stele_plan_new(schema, type, NULL, &made->plan, err);
}

static void make_room(room *of, size_t count)
{
    of->readers = stele_alloc_array(count, sizeof *of->readers);
    of->arena = stele_arena_new();
}

static void make_value(room *of)
{
    size_t largest = 1;
    for (size_t i = 0; i < of->count; i++) {
        size_t size = of->readers[i].type->layout->size;
        if (size > largest) largest = size;
    }
    of->value = stele_alloc(largest);
}

static void clear_room(room *of)
{
    for (size_t i = 0; i < of->count; i++)
        stele_plan_free(of->readers[i].plan);
    stele_arena_free(of->arena);
    free(of->readers);
    free(of->value);
}

static stele_status add_readers(stele_decider *decider, stele_error *err)
{
    const stele_aggregate *aggregate = decider->aggregate;
    stele_status status = STELE_OK;
    size_t command_count = stele_aggregate_command_count(aggregate);
    size_t event_count = stele_aggregate_event_count(aggregate);
    make_room(&decider->commands, command_count);
    make_room(&decider->events, event_count);
    for (size_t i = 0; i < command_count && status == STELE_OK; i++)
        status = add_reader(&decider->commands, aggregate->commands[i].type, err);
    for (size_t i = 0; i < event_count && status == STELE_OK; i++)
        status = add_reader(&decider->events, aggregate->events[i], err);
    make_value(&decider->commands);
    make_value(&decider->events);
    return status;
}

stele_status stele_decider_new(const stele_aggregate *aggregate, stele_decider **out,
                               stele_error *err)
{
    stele_status status = stele_aggregate_check(aggregate, err);
    if (status < 0) return status;
    if (!stele_aggregate_decides(aggregate))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "aggregate %s has no state, so its events are facts: publish them, or "
                          "give it a state",
                          aggregate->name);
    STELE_AUTO(stele_decider) decider = stele_alloc(sizeof *decider);
    decider->aggregate = aggregate;
    decider->blank = stele_alloc(aggregate->state->layout->size);
    if (aggregate->init != NULL) aggregate->init(decider->blank, aggregate->context);
    if ((status = add_readers(decider, err)) < 0) return status;
    *out = decider;
    decider = NULL;
    return STELE_OK;
}

void stele_decider_free(stele_decider *decider)
{
    if (decider == NULL) return;
    clear_room(&decider->commands);
    clear_room(&decider->events);
    stele_value_clear(decider->aggregate->state, decider->blank);
    stele_buffer_clear(&decider->data);
    free(decider->blank);
    free(decider->decided);
    free(decider);
}

const void *stele_decider_blank(const stele_decider *decider)
{
    return decider->blank;
}

/* ---- reading ---- */

static stele_status read_value(room *of, size_t index, stele_bytes data, stele_error *err)
{
    const reader *by = &of->readers[index];
    stele_arena_reset(of->arena);
    memset(of->value, 0, by->type->layout->size);
    if (by->plan == NULL) return by->type->decode(data, of->value, of->arena, err);
    return stele_plan_decode(by->plan, data, of->value, of->arena, err);
}

stele_status stele_decider_read_command(stele_decider *decider, size_t index, stele_bytes data,
                                        const void **out, stele_error *err)
{
    stele_error why;
    stele_status status = read_value(&decider->commands, index, data, &why);
    if (status < 0)
        return stele_fail(err, status, STELE_NEXT_REJECT, "the command %s: %s",
                          decider->commands.readers[index].type->name, why.text);
    *out = decider->commands.value;
    return STELE_OK;
}

/* ---- yielding ---- */

static void begin(stele_decider *decider, size_t event_max)
{
    stele_buffer_reset(&decider->data);
    decider->count = 0;
    decider->event_max = event_max == 0 ? STELE_DECIDED_EVENT_MAX : event_max;
    decider->rejected = false;
    decider->code[0] = '\0';
    decider->misuse.status = STELE_OK;
}

static void push(stele_decider *decider, size_t index, size_t size)
{
    if (decider->count == decider->capacity) {
        decider->capacity = decider->capacity == 0 ? 4 : 2 * decider->capacity;
        decider->decided =
            stele_realloc_array(decider->decided, decider->capacity, sizeof *decider->decided);
    }
    /* The bytes may still move: end() says where they are. */
    decider->decided[decider->count++] = (stele_decided_event){index, {NULL, size}};
}

static stele_status check_sizes(const stele_decider *decider, const stele_type *type, size_t size,
                                stele_error *err)
{
    if (size > decider->event_max)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "the event %s has %zu bytes, a record of this topic takes %zu "
                          "(max.message.bytes)",
                          type->name, size, decider->event_max);
    if (decider->data.size > STELE_DECIDED_BYTES_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "with the event %s the decision has %zu bytes, the limit is %d",
                          type->name, decider->data.size, STELE_DECIDED_BYTES_MAX);
    return STELE_OK;
}

static stele_status take_event(stele_decider *decider, const stele_type *type, const void *data,
                               stele_error *err)
{
    size_t index;
    size_t before = decider->data.size;
    if (type == NULL || !stele_aggregate_find_event(decider->aggregate, type, &index))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "aggregate %s has no event %s: list it among its events",
                          decider->aggregate->name, type == NULL ? "without a type" : type->name);
    if (decider->count == STELE_DECIDED_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "more than %d events of one decision", STELE_DECIDED_MAX);
    stele_error why;
    stele_status status = stele_encode(type, data, &decider->data, &why);
    if (status < 0)
        return stele_fail(err, status, STELE_NEXT_REJECT, "the event %s: %s", type->name, why.text);
    size_t size = decider->data.size - before;
    if ((status = check_sizes(decider, type, size, err)) < 0) return status;
    push(decider, index, size);
    return STELE_OK;
}

static stele_status end(stele_decider *decider, stele_status status, stele_decided *out)
{
    *out = (stele_decided){.events = decider->decided};
    memcpy(out->code, decider->code, sizeof out->code);
    const uint8_t *at = decider->data.data;
    for (size_t i = 0; i < decider->count; i++) {
        stele_bytes *data = &decider->decided[i].data;
        data->data = at == NULL ? (const uint8_t *)"" : at; /* records without fields only */
        at = at == NULL ? NULL : at + data->size;
    }
    out->count = status == STELE_OK ? decider->count : 0;
    return status;
}

/* ---- what a decide function calls ---- */

static void remember_misuse(stele_decider *decider, const stele_error *what)
{
    if (decider->misuse.status == STELE_OK) decider->misuse = *what;
}

stele_status stele_yield(stele_decision *decision, const stele_type *event, const void *data)
{
    stele_error err;
    stele_decider *decider = decision->inside;
    stele_status status = take_event(decider, event, data, &err);
    if (status < 0) remember_misuse(decider, &err);
    return status;
}

static bool is_code(const char *code)
{
    if (code == NULL || code[0] == '\0' || strlen(code) > STELE_REJECT_CODE_MAX) return false;
    return code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_.-")] == '\0';
}

stele_status stele_reject(stele_decision *decision, const char *code, const char *format, ...)
{
    stele_decider *decider = decision->inside;
    if (!is_code(code)) {
        stele_error err;
        stele_fail(&err, STELE_E_INTERNAL, STELE_NEXT_REJECT,
                   "stele_reject: %s is no code; it is 1 to %d characters of a-z, 0-9, `_`, `.` "
                   "and `-`",
                   stele_quote(stele_text(code)).text, STELE_REJECT_CODE_MAX);
        remember_misuse(decider, &err);
        return STELE_E_REJECTED;
    }
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(decider->reason, sizeof decider->reason, format, arguments);
    va_end(arguments);
    decider->rejected = true;
    memcpy(decider->code, code, strlen(code) + 1);
    return STELE_E_REJECTED;
}

/* ---- deciding ---- */

static const char *name_of(const stele_decider *decider, const stele_to_decide *what)
{
    if (what->is_due) return "its timer";
    return decider->aggregate->commands[what->index].type->name;
}

static stele_status fail_wrong(const stele_decider *decider, const stele_to_decide *what,
                               const char *how, stele_error *err)
{
    return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_REJECT,
                      "the decide function of %s for %s %s", decider->aggregate->name,
                      name_of(decider, what), how);
}

/* What the function's own failure means to the caller: nothing that would have him wait or try
 * again, for the same would be decided. */
static stele_status fail_said(const stele_decider *decider, const stele_to_decide *what,
                              stele_status status, const stele_error *said, stele_error *err)
{
    bool is_callers = status == STELE_E_INVALID || status == STELE_E_LIMIT;
    return stele_fail_cause(err, is_callers ? status : STELE_E_INTERNAL, STELE_NEXT_REJECT,
                            said->cause, "%s cannot decide on %s: %s", decider->aggregate->name,
                            name_of(decider, what),
                            said->text[0] == '\0' ? "no reason given" : said->text);
}

static stele_status judge(stele_decider *decider, const stele_to_decide *what, stele_status status,
                          const stele_error *said, stele_error *err)
{
    if (decider->misuse.status != STELE_OK)
        return stele_fail(err, decider->misuse.status, STELE_NEXT_REJECT,
                          "the decide function of %s for %s: %s", decider->aggregate->name,
                          name_of(decider, what), decider->misuse.text);
    if (status > 0) return fail_wrong(decider, what, "returned what means nothing", err);
    if (decider->rejected && status == STELE_E_REJECTED)
        return stele_fail(err, STELE_E_REJECTED, STELE_NEXT_REJECT, "%s", decider->reason);
    if (decider->rejected)
        return fail_wrong(decider, what,
                          "went on after stele_reject: it has to return what that returns", err);
    if (status == STELE_E_REJECTED)
        return fail_wrong(decider, what,
                          "returned STELE_E_REJECTED without stele_reject, which has the code",
                          err);
    if (status < 0) return fail_said(decider, what, status, said, err);
    return STELE_OK;
}

stele_status stele_decider_decide(stele_decider *decider, const stele_to_decide *what,
                                  stele_decided *out, stele_error *err)
{
    begin(decider, what->event_max);
    stele_decision decision = {.aggregate_id = what->aggregate_id,
                               .version = what->version,
                               .time_ms = what->time_ms,
                               .command_id = what->command_id,
                               .context = decider->aggregate->context,
                               .inside = decider};
    const void *state = what->state == NULL ? decider->blank : what->state;
    stele_error said;
    said.cause = 0;
    said.text[0] = '\0';
    const stele_aggregate *aggregate = decider->aggregate;
    stele_decide *function =
        what->is_due ? aggregate->on_due : aggregate->commands[what->index].decide;
    stele_status status = function(state, what->command, &decision, &said);
    status = judge(decider, what, status, &said, err);
    if (status < 0 && status != STELE_E_REJECTED) decider->code[0] = '\0';
    return end(decider, status, out);
}

stele_status stele_decider_reject_finished(const stele_decider *decider, stele_bytes aggregate_id,
                                           stele_decided *out, stele_error *err)
{
    *out = (stele_decided){.code = "finished"};
    return stele_fail(err, STELE_E_REJECTED, STELE_NEXT_REJECT,
                      "%s %s is finished: it takes no command any more", decider->aggregate->name,
                      stele_quote(aggregate_id).text);
}

stele_status stele_decider_take(stele_decider *decider, const stele_new_event *events, size_t count,
                                size_t event_max, stele_decided *out, stele_error *err)
{
    stele_status status = STELE_OK;
    begin(decider, event_max);
    for (size_t i = 0; i < count && status == STELE_OK; i++)
        status = take_event(decider, events[i].type, events[i].data, err);
    return end(decider, status, out);
}

stele_status stele_decider_read_event(stele_decider *decider, const stele_decided_event *event,
                                      const void **out, stele_error *err)
{
    stele_status status = read_value(&decider->events, event->index, event->data, err);
    if (status == STELE_OK) *out = decider->events.value;
    return status;
}

/* ---- applying ---- */

static stele_apply *handler_of(const stele_decider *decider, const stele_type *type)
{
    const stele_handler *at = decider->aggregate->handlers;
    while (at->event != type)
        at++;
    return at->apply;
}

static stele_status fail_apply(const stele_decider *decider, const stele_type *type,
                               stele_status status, const stele_error *said, stele_error *err)
{
    if (status > 0)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_REJECT,
                          "the handler of %s for %s returned %d, which means nothing",
                          decider->aggregate->name, type->name, (int)status);
    return stele_fail_cause(err, STELE_E_INTERNAL, STELE_NEXT_REJECT, said->cause,
                            "%s refuses its own event %s, so it is not appended: %s",
                            decider->aggregate->name, type->name,
                            said->text[0] == '\0' ? "no reason given" : said->text);
}

stele_status stele_decider_apply(stele_decider *decider, const stele_decided_event *event,
                                 const stele_event *about, void *state, stele_error *err)
{
    const stele_type *type = decider->aggregate->events[event->index];
    stele_apply *apply = handler_of(decider, type);
    if (apply == NULL) return STELE_OK;
    stele_error said;
    said.cause = 0;
    said.text[0] = '\0';
    stele_status status = read_value(&decider->events, event->index, event->data, &said);
    if (status == STELE_OK) {
        stele_event whole = *about;
        whole.type = type;
        whole.data = decider->events.value;
        whole.context = decider->aggregate->context;
        status = apply(state, whole.data, &whole, &said);
    }
    if (status == STELE_OK || status == STELE_FINISHED) return status;
    return fail_apply(decider, type, status, &said, err);
}
