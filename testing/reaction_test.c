/* SPDX-License-Identifier: MIT
 * Reactions under test: an event is given to its rule twice, as its bytes, and what that sends is
 * compared, and held until it was expected. No log is needed. */
#include "testing/test_inside.h"

#include <stele/codec.h>

#include <stdlib.h>

#include "aggregates/rules.h"
#include "consumer/event.h"
#include "core/alloc.h"
#include "core/text.h"
#include "schemas/scopes.h"

#define BEGIN_MS INT64_C(946684800000) /* 2000-01-01T00:00:00Z */

/* A copy of what one event sends. */
typedef struct sent {
    stele_sending *all;
    size_t count;
    stele_buffer bytes;
} sent;

struct stele_test_rules {
    const stele_reactions *table;
    stele_rules *rules;
    sent last;
    size_t named;   /* how many of it were */
    int64_t events; /* given */
};

static void clear_sent(sent *of)
{
    free(of->all);
    stele_buffer_clear(&of->bytes);
    *of = (sent){0};
}
STELE_VALUE_SCOPE(sent, clear_sent);

stele_test *stele_test_reactions(const stele_reactions *reactions)
{
    stele_error err;
    stele_test *test = stele_alloc(sizeof *test);
    stele_test_rules *rules = stele_alloc(sizeof *rules);
    test->name = reactions->name == NULL ? "(unnamed)" : reactions->name;
    test->time_ms = BEGIN_MS;
    test->rules = rules;
    rules->table = reactions;
    if (stele_rules_new(reactions, &rules->rules, &err) < 0)
        stele_test_fail(test, "cannot be tested: %s", err.text);
    return test;
}

void stele_test_rules_free(stele_test_rules *rules)
{
    if (rules == NULL) return;
    clear_sent(&rules->last);
    stele_rules_free(rules->rules);
    free(rules);
}

/* ---- what was sent ---- */

static const stele_type *type_of(const stele_test_rules *rules, const stele_sending *of)
{
    return rules->table->targets[of->target]->commands[of->command].type;
}

static stele_status decode(const stele_type *type, stele_bytes data, void *value,
                           stele_arena *arena, stele_error *err)
{
    if (type->decode != NULL) return type->decode(data, value, arena, err);
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_plan) plan = NULL;
    stele_status status = stele_schema_parse(stele_text(type->schema), NULL, &schema, err);
    if (status == STELE_OK) status = stele_plan_new(schema, type, NULL, &plan, err);
    return status < 0 ? status : stele_plan_decode(plan, data, value, arena, err);
}

/* "account ann bank.MoveMoney {…}" */
static const char *text_of(const stele_test_rules *rules, const stele_sending *of,
                           stele_buffer *into)
{
    const stele_type *type = type_of(rules, of);
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, type->layout->size);
    bool is_read = decode(type, of->data, value, arena, NULL) == STELE_OK;
    stele_buffer_reset(into);
    stele_buffer_format(into, "%s %s: %s %s", rules->table->targets[of->target]->name,
                        stele_quote(of->id).text, type->name,
                        is_read ? stele_test_text(type, value, &json) : "(unreadable)");
    return stele_buffer_text(into);
}

bool stele_test_rules_settled(stele_test *test)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    const stele_test_rules *rules = test->rules;
    if (test->failure[0] != '\0') return false;
    if (rules->named == 0 || rules->named == rules->last.count) return true;
    return stele_test_fail(test, "command %zu is %s, which was not expected", rules->named + 1,
                           text_of(rules, &rules->last.all[rules->named], &text));
}

/* ---- given ---- */

static void copy(sent *to, const stele_sending *all, size_t count)
{
    to->all = stele_alloc_array(count + 1, sizeof *to->all);
    to->count = count;
    for (size_t i = 0; i < count; i++) {
        stele_buffer_append(&to->bytes, all[i].id);
        stele_buffer_append(&to->bytes, all[i].data);
    }
    const uint8_t *at = stele_buffer_view(&to->bytes).data;
    for (size_t i = 0; i < count; i++) {
        to->all[i] = all[i];
        to->all[i].id.data = at;
        to->all[i].data.data = at + all[i].id.size;
        at += all[i].id.size + all[i].data.size;
    }
}

static bool same(const sent *a, const sent *b)
{
    bool is_same = a->count == b->count &&
                   stele_bytes_equal(stele_buffer_view(&a->bytes), stele_buffer_view(&b->bytes));
    for (size_t i = 0; is_same && i < a->count; i++)
        is_same = a->all[i].target == b->all[i].target && a->all[i].command == b->all[i].command &&
                  a->all[i].id.size == b->all[i].id.size;
    return is_same;
}

static bool react(stele_test *test, const stele_rule *rule, const stele_event *event,
                  stele_bytes bytes, sent *out)
{
    stele_error err;
    stele_event own = *event;
    const stele_sending *all;
    size_t count;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *value = stele_arena_take(arena, event->type->layout->size);
    if (decode(event->type, bytes, value, arena, &err) < 0)
        return stele_test_fail(test, "the event cannot be read back: %s", err.text);
    own.data = value;
    if (stele_rules_react(test->rules->rules, rule, &own, &all, &count, &err) < 0)
        return stele_test_fail(test, "stopped: %s", err.text);
    copy(out, all, count);
    return true;
}

static size_t add_header(stele_header *headers, size_t count, const char *name, const char *value)
{
    if (value == NULL) return count;
    headers[count] = (stele_header){name, stele_text(value)};
    return count + 1;
}

bool stele_test_react(stele_test *test, const char *id, const stele_type *type, const void *event)
{
    stele_error err;
    static const stele_publish_options nothing = {0};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    STELE_AUTO_VALUE(sent) again = {0};
    stele_test_rules *rules = test->rules;
    if (!stele_test_rules_settled(test)) return false;
    clear_sent(&rules->last);
    rules->named = 0;
    if (stele_encode(type, event, &bytes, &err) < 0)
        return stele_test_fail(test, "this cannot be a %s: %s", type->name, err.text);
    const stele_rule *rule = stele_rules_find(rules->rules, type);
    if (rule == NULL) return true; /* it is passed over */
    const stele_publish_options *with = test->with == NULL ? &nothing : test->with;
    stele_header headers[3];
    size_t count = add_header(headers, 0, "ce_correlationid", with->correlation_id);
    count = add_header(headers, count, "ce_causationid", with->causation_id);
    const stele_event_record record = {.headers = headers, .header_count = count};
    const stele_event about = {.type = type,
                               .aggregate_id = stele_text(id),
                               .version = ++rules->events,
                               .time_ms = test->time_ms,
                               .topic = "",
                               .offset = rules->events - 1,
                               .source = &record};
    if (!react(test, rule, &about, stele_buffer_view(&bytes), &rules->last) ||
        !react(test, rule, &about, stele_buffer_view(&bytes), &again))
        return false;
    return same(&rules->last, &again) ||
           stele_test_fail(test,
                           "the rule for %s sends something else the second time: it depends on "
                           "something besides its arguments",
                           type->name);
}

/* ---- then ---- */

static bool has_rules(stele_test *test)
{
    if (test->failure[0] != '\0') return false;
    return test->rules != NULL ||
           stele_test_fail(test, "only reactions send commands: stele_test_reactions");
}

bool stele_test_then_sent(stele_test *test, const stele_aggregate *to, const char *id,
                          const stele_type *type, const void *command)
{
    stele_error err;
    STELE_AUTO_VALUE(stele_buffer) data = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    STELE_AUTO_VALUE(stele_buffer) wanted = {0};
    if (!has_rules(test)) return false;
    stele_test_rules *rules = test->rules;
    if (stele_encode(type, command, &data, &err) < 0)
        return stele_test_fail(test, "this cannot be a %s: %s", type->name, err.text);
    const char *expected = stele_test_text(type, command, &wanted);
    if (rules->named == rules->last.count)
        return stele_test_fail(test,
                               "%zu commands were sent; expected another one, %s \"%s\": %s %s",
                               rules->last.count, to->name, id, type->name, expected);
    const stele_sending *found = &rules->last.all[rules->named];
    bool is_it = rules->table->targets[found->target] == to && type_of(rules, found) == type &&
                 stele_bytes_equal(found->id, stele_text(id)) &&
                 stele_bytes_equal(found->data, stele_buffer_view(&data));
    if (!is_it)
        return stele_test_fail(test, "command %zu is %s\n  expected: %s \"%s\": %s %s",
                               rules->named + 1, text_of(rules, found, &text), to->name, id,
                               type->name, expected);
    rules->named++;
    return true;
}

bool stele_test_then_sent_nothing(stele_test *test)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    if (!has_rules(test)) return false;
    const stele_test_rules *rules = test->rules;
    return rules->named == rules->last.count ||
           stele_test_fail(test, "command %zu is %s, expected nothing", rules->named + 1,
                           text_of(rules, &rules->last.all[rules->named], &text));
}
