/* SPDX-License-Identifier: MIT
 * What a rule sends is encoded at once. What it does wrong is remembered until it returns. */
#include "aggregates/rules.h"

#include <stdlib.h>
#include <string.h>

#include <stele/codec.h>

#include "aggregates/aggregate.h"
#include "aggregates/call.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "producer/event_headers.h"

typedef struct slice {
    size_t at;
    size_t size;
} slice;

/* Where the parts of a sending are in the bytes, which move while they grow. */
typedef struct part {
    slice id;
    slice data;
} part;

struct stele_rules {
    const stele_reactions *table;
    stele_buffer bytes;
    stele_sending *sendings;
    part *parts;
    size_t count;
    size_t capacity;
    stele_error misuse; /* STELE_OK: none */
};

/* ---- tables ---- */

size_t stele_aggregates_count(const stele_aggregate *const *aggregates)
{
    size_t count = 0;
    while (aggregates != NULL && aggregates[count] != NULL)
        count++;
    return count;
}

static bool has_event(const stele_reactions *table, const stele_type *event)
{
    size_t index;
    for (size_t i = 0; table->sources[i] != NULL; i++)
        if (stele_aggregate_find_event(table->sources[i], event, &index)) return true;
    return false;
}

static stele_status check_one(const stele_reactions *table, const stele_aggregate *one,
                              stele_error *err)
{
    stele_error why;
    if (stele_aggregate_check(one, &why) == STELE_OK) return STELE_OK;
    return stele_fail(err, why.status, STELE_NEXT_STOP, "reactions %s: %s", table->name, why.text);
}

static stele_status check_aggregates(const stele_reactions *table, stele_error *err)
{
    stele_status status;
    for (size_t i = 0; i < stele_aggregates_count(table->sources); i++) {
        const stele_aggregate *source = table->sources[i];
        if ((status = check_one(table, source, err)) < 0) return status;
        for (size_t k = 0; k < i; k++)
            if (strcmp(table->sources[k]->name, source->name) == 0)
                return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                                  "reactions %s: the source %s is listed twice", table->name,
                                  source->name);
    }
    for (size_t i = 0; i < stele_aggregates_count(table->targets); i++) {
        const stele_aggregate *target = table->targets[i];
        if ((status = check_one(table, target, err)) < 0) return status;
        if (stele_aggregate_command_count(target) == 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "reactions %s: the target %s takes no commands", table->name,
                              target->name);
    }
    return STELE_OK;
}

static stele_status check_rules(const stele_reactions *table, stele_error *err)
{
    for (const stele_rule *a = table->rules; a->event != NULL; a++) {
        if (a->react == NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "reactions %s: the rule for %s has no function", table->name,
                              a->event->name);
        if (!has_event(table, a->event))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "reactions %s: a rule for %s, which is an event of none of its "
                              "sources",
                              table->name, a->event->name);
        for (const stele_rule *b = table->rules; b != a; b++)
            if (b->event == a->event)
                return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                                  "reactions %s: two rules for %s: one function can send both",
                                  table->name, a->event->name);
    }
    return STELE_OK;
}

stele_status stele_reactions_check(const stele_reactions *reactions, stele_error *err)
{
    enum { NAME_MAX = 100 };
    if (!stele_name_is_valid(reactions->name, "_-", NAME_MAX))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is no name of reactions: it is 1 to %d characters of a-z, A-Z, 0-9, "
                          "`_` and `-`, and does not begin with `_`",
                          stele_quote(stele_text(reactions->name)).text, NAME_MAX);
    if (stele_aggregates_count(reactions->sources) == 0 ||
        stele_aggregates_count(reactions->targets) == 0 || reactions->rules == NULL ||
        reactions->rules[0].event == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "reactions %s: sources, targets and rules are all needed",
                          reactions->name);
    stele_status status = check_aggregates(reactions, err);
    return status < 0 ? status : check_rules(reactions, err);
}

/* ---- making ---- */

stele_status stele_rules_new(const stele_reactions *reactions, stele_rules **out, stele_error *err)
{
    stele_status status = stele_reactions_check(reactions, err);
    if (status < 0) return status;
    *out = stele_alloc(sizeof **out);
    (*out)->table = reactions;
    return STELE_OK;
}

void stele_rules_free(stele_rules *rules)
{
    if (rules == NULL) return;
    stele_buffer_clear(&rules->bytes);
    free(rules->sendings);
    free(rules->parts);
    free(rules);
}

const stele_rule *stele_rules_find(const stele_rules *rules, const stele_type *event)
{
    for (const stele_rule *at = rules->table->rules; at->event != NULL; at++)
        if (at->event == event) return at;
    return NULL;
}

/* ---- sending ---- */

static bool find_target(const stele_rules *rules, const stele_aggregate *to, size_t *index)
{
    for (size_t i = 0; to != NULL && rules->table->targets[i] != NULL; i++) {
        if (rules->table->targets[i] != to) continue;
        *index = i;
        return true;
    }
    return false;
}

static void push(stele_rules *rules, const stele_sending *sending, const part *parts)
{
    if (rules->count == rules->capacity) {
        rules->capacity = rules->capacity == 0 ? 4 : 2 * rules->capacity;
        rules->sendings =
            stele_realloc_array(rules->sendings, rules->capacity, sizeof *rules->sendings);
        rules->parts = stele_realloc_array(rules->parts, rules->capacity, sizeof *rules->parts);
    }
    rules->sendings[rules->count] = *sending;
    rules->parts[rules->count++] = *parts;
}

static stele_status send(stele_rules *rules, const stele_aggregate *to, stele_bytes id,
                         const stele_type *command, const void *data, stele_error *err)
{
    stele_sending sending = {0};
    if (!find_target(rules, to, &sending.target))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is none of the targets: list it there",
                          to == NULL ? "NULL" : to->name);
    if (command == NULL || !stele_aggregate_find_command(to, command, &sending.command))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s has no command %s", to->name,
                          command == NULL ? "NULL" : command->name);
    if (rules->count == STELE_SENT_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "more than %d commands of one event",
                          STELE_SENT_MAX);
    stele_status status = stele_aggregate_id_check(id, err);
    if (status < 0) return status;
    part parts = {.id = {rules->bytes.size, id.size}};
    stele_buffer_append(&rules->bytes, id);
    parts.data.at = rules->bytes.size;
    if ((status = stele_encode(command, data, &rules->bytes, err)) < 0) return status;
    parts.data.size = rules->bytes.size - parts.data.at;
    status = stele_call_check_size(command, parts.data.size, STELE_NEXT_STOP, err);
    if (status < 0) return status;
    push(rules, &sending, &parts);
    return STELE_OK;
}

stele_status stele_react_send(stele_reaction *reaction, const stele_aggregate *to, stele_bytes id,
                              const stele_type *command, const void *data, stele_error *err)
{
    stele_error why;
    stele_rules *rules = reaction->inside;
    stele_status status = send(rules, to, id, command, data, &why);
    if (status == STELE_OK) return status;
    why.next = STELE_NEXT_STOP;
    if (rules->misuse.status == STELE_OK) rules->misuse = why;
    if (err != NULL) *err = why;
    return status;
}

/* ---- reacting ---- */

stele_bytes stele_rules_correlation(const stele_event *event)
{
    stele_bytes own = stele_event_correlation_id(event);
    return own.data != NULL ? own : event->aggregate_id;
}

static stele_status judge(const stele_rules *rules, const stele_event *event, stele_status status,
                          const stele_error *said, stele_error *err)
{
    const char *name = rules->table->name;
    if (rules->misuse.status != STELE_OK)
        return stele_fail(err, rules->misuse.status, STELE_NEXT_STOP,
                          "reactions %s, rule for %s: %s", name, event->type->name,
                          rules->misuse.text);
    if (status > 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "reactions %s, rule for %s: it returned %d, which means nothing", name,
                          event->type->name, (int)status);
    if (status < 0)
        return stele_fail_cause(err, status, STELE_NEXT_STOP, said->cause,
                                "reactions %s, rule for %s: %s", name, event->type->name,
                                said->text[0] == '\0' ? "no reason given" : said->text);
    return STELE_OK;
}

stele_status stele_rules_react(stele_rules *rules, const stele_rule *rule, const stele_event *event,
                               const stele_sending **out, size_t *count, stele_error *err)
{
    stele_event whole = *event;
    whole.context = rules->table->context;
    stele_reaction reaction = {.event = &whole,
                               .correlation_id = stele_rules_correlation(event),
                               .context = rules->table->context,
                               .inside = rules};
    stele_error said = {0};
    stele_buffer_reset(&rules->bytes);
    rules->count = 0;
    rules->misuse = (stele_error){0};
    stele_status status = rule->react(event->data, &reaction, &said);
    if ((status = judge(rules, event, status, &said, err)) < 0) return status;
    const uint8_t *bytes = stele_buffer_view(&rules->bytes).data;
    for (size_t i = 0; i < rules->count; i++) {
        const part *parts = &rules->parts[i];
        rules->sendings[i].id = stele_bytes_of(bytes + parts->id.at, parts->id.size);
        rules->sendings[i].data = stele_bytes_of(bytes + parts->data.at, parts->data.size);
    }
    *out = rules->sendings;
    *count = rules->count;
    return STELE_OK;
}
