/* SPDX-License-Identifier: MIT
 * Tickets, and the queue of one partition. */
#include "aggregates/desk.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/monitor.h"

struct stele_desk {
    stele_desk_options options;
    stele_monitor monitor;
    stele_desk_state state;
    stele_error stopped; /* why, while it is STOPPED */
    stele_ticket_list waiting;
    size_t size;         /* bytes of those that wait */
    int64_t earliest_ns; /* none of them has a deadline before it */
};

/* ---- tickets ---- */

static size_t text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

static char *copy(char **at, const void *from, size_t size)
{
    char *to = *at;
    if (size > 0) memcpy(to, from, size);
    *at += size;
    return to;
}

static const char *copy_text(char **at, const char *text)
{
    return text == NULL ? NULL : copy(at, text, text_size(text));
}

stele_ticket *stele_ticket_new(const stele_call *call, const stele_ticket_datum *data, size_t count)
{
    size_t size = sizeof(stele_ticket) + count * sizeof *data + call->aggregate_id.size +
                  text_size(call->command_id) + text_size(call->correlation_id) +
                  text_size(call->traceparent);
    for (size_t i = 0; i < count; i++)
        size += data[i].avro.size;
    stele_ticket *ticket = stele_realloc(NULL, size);
    stele_ticket_datum *copies = (stele_ticket_datum *)(ticket + 1);
    char *at = (char *)(copies + count);
    *ticket = (stele_ticket){
        .data = copies, .count = count, .size = size, .expected_version = call->expected_version};
    stele_bytes id = call->aggregate_id;
    ticket->aggregate_id = stele_bytes_of(copy(&at, id.data, id.size), id.size);
    ticket->command_id = copy_text(&at, call->command_id);
    ticket->correlation_id = copy_text(&at, call->correlation_id);
    ticket->traceparent = copy_text(&at, call->traceparent);
    for (size_t i = 0; i < count; i++) {
        stele_bytes avro = data[i].avro;
        copies[i] = (stele_ticket_datum){
            data[i].type, stele_bytes_of(copy(&at, avro.data, avro.size), avro.size)};
    }
    assert(at == (char *)ticket + size);
    return ticket;
}

void stele_ticket_tell(stele_ticket *ticket, const stele_result *result, const stele_error *failure)
{
    stele_executed *done = ticket->done;
    assert(done != NULL);
    ticket->done = NULL;
    done(ticket->context, result, failure);
}

void stele_ticket_free(stele_ticket *ticket)
{
    assert(ticket->done == NULL);
    free(ticket);
}

void stele_ticket_answer(stele_ticket *ticket, const stele_result *result,
                         const stele_error *failure)
{
    stele_ticket_tell(ticket, result, failure);
    stele_ticket_free(ticket);
}

/* ---- lists ---- */

void stele_ticket_list_add(stele_ticket_list *list, stele_ticket *ticket)
{
    ticket->next = NULL;
    if (list->last == NULL)
        list->first = ticket;
    else
        list->last->next = ticket;
    list->last = ticket;
    list->count++;
}

void stele_ticket_list_join(stele_ticket_list *list, stele_ticket_list *more)
{
    if (more->first == NULL) return;
    if (list->last == NULL)
        list->first = more->first;
    else
        list->last->next = more->first;
    list->last = more->last;
    list->count += more->count;
    *more = (stele_ticket_list){0};
}

stele_ticket *stele_ticket_list_take(stele_ticket_list *list)
{
    stele_ticket *ticket = list->first;
    if (ticket == NULL) return NULL;
    list->first = ticket->next;
    if (list->first == NULL) list->last = NULL;
    list->count--;
    ticket->next = NULL;
    return ticket;
}

/* ---- the desk ---- */

stele_desk *stele_desk_new(const stele_desk_options *options)
{
    stele_desk *desk = stele_alloc(sizeof *desk);
    desk->options = *options;
    desk->earliest_ns = INT64_MAX;
    stele_monitor_init(&desk->monitor, options->runtime);
    return desk;
}

void stele_desk_free(stele_desk *desk)
{
    if (desk == NULL) return;
    assert(desk->waiting.first == NULL);
    stele_monitor_clear(&desk->monitor);
    free(desk);
}

/* The monitor is held. */
static void count_in(stele_desk *desk, const stele_ticket *ticket)
{
    desk->size += ticket->size;
    if (ticket->deadline.end_ns < desk->earliest_ns) desk->earliest_ns = ticket->deadline.end_ns;
}

stele_status stele_desk_add(stele_desk *desk, stele_ticket *ticket, stele_error *err)
{
    stele_monitor_lock(&desk->monitor);
    size_t waiting = desk->waiting.count;
    bool is_stopped = desk->state == STELE_DESK_STOPPED;
    bool fits = !is_stopped && waiting < desk->options.count_max &&
                (waiting == 0 || desk->size + ticket->size <= desk->options.size_max);
    if (fits) {
        stele_ticket_list_add(&desk->waiting, ticket);
        count_in(desk, ticket);
    }
    stele_monitor_unlock(&desk->monitor);
    if (fits) return STELE_OK;
    if (is_stopped) return stele_desk_fail_stopped(desk, ticket, err);
    return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY,
                      "%zu calls wait for %s/%d already: again in a moment, or raise queue_max of "
                      "the aggregate",
                      waiting, desk->options.topic, (int)desk->options.partition);
}

stele_ticket_list stele_desk_take(stele_desk *desk, size_t count_max)
{
    stele_ticket_list taken = {0};
    stele_monitor_lock(&desk->monitor);
    if (desk->waiting.count <= count_max) {
        taken = desk->waiting;
        desk->waiting = (stele_ticket_list){0};
        desk->size = 0;
        desk->earliest_ns = INT64_MAX;
    } else {
        while (taken.count < count_max) {
            stele_ticket *ticket = stele_ticket_list_take(&desk->waiting);
            desk->size -= ticket->size;
            stele_ticket_list_add(&taken, ticket);
        }
    }
    stele_monitor_unlock(&desk->monitor);
    return taken;
}

void stele_desk_return(stele_desk *desk, stele_ticket_list *tickets)
{
    stele_monitor_lock(&desk->monitor);
    for (const stele_ticket *each = tickets->first; each != NULL; each = each->next)
        count_in(desk, each);
    stele_ticket_list_join(tickets, &desk->waiting);
    desk->waiting = *tickets;
    stele_monitor_unlock(&desk->monitor);
    *tickets = (stele_ticket_list){0};
}

stele_ticket_list stele_desk_expired(stele_desk *desk)
{
    stele_ticket_list expired = {0};
    int64_t now_ns = stele_clock_monotonic_ns(stele_runtime_clock(desk->options.runtime));
    stele_monitor_lock(&desk->monitor);
    if (now_ns >= desk->earliest_ns) {
        stele_ticket_list all = desk->waiting;
        desk->waiting = (stele_ticket_list){0};
        desk->size = 0;
        desk->earliest_ns = INT64_MAX;
        for (stele_ticket *each; (each = stele_ticket_list_take(&all)) != NULL;) {
            bool is_over = now_ns >= each->deadline.end_ns;
            stele_ticket_list_add(is_over ? &expired : &desk->waiting, each);
            if (!is_over) count_in(desk, each);
        }
    }
    stele_monitor_unlock(&desk->monitor);
    return expired;
}

static const char *explain(stele_desk_state state, bool is_hindered)
{
    switch (state) {
    case STELE_DESK_TAKING:
        return is_hindered ? "this instance owns it, and cannot restore its states yet"
                           : "this instance owns it, and has not restored its states yet: again, "
                             "or with a longer time-out";
    case STELE_DESK_SERVING:
        return is_hindered ? "this instance owns it, and waits"
                           : "its owner, this instance, had no time: again, later or with a "
                             "longer time-out";
    case STELE_DESK_ELSEWHERE:
    case STELE_DESK_STOPPED:
        break;
    }
    return "another instance owns it, or no one yet: call that one, or again with a longer "
           "time-out";
}

/* It may be in the log. @param why  with what comes before it; "": nothing is to be said */
static stele_status fail_tried(const stele_desk *desk, const stele_ticket *ticket, const char *why,
                               stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "%s/%d: whether command %s was carried out is not known yet: the same "
                      "call again, with this command id, says it%s",
                      desk->options.topic, (int)desk->options.partition, ticket->command_id, why);
}

stele_status stele_desk_fail_expired(stele_desk *desk, const stele_ticket *ticket,
                                     const char *hindrance, stele_error *err)
{
    stele_desk_state state = stele_desk_get_state(desk);
    if (state == STELE_DESK_STOPPED) return stele_desk_fail_stopped(desk, ticket, err);
    if (ticket->is_tried) return fail_tried(desk, ticket, "", err);
    bool is_hindered = state != STELE_DESK_ELSEWHERE && hindrance[0] != '\0';
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "the call was not begun in its time, nothing was appended; of %s/%d: %s%s%s",
                      desk->options.topic, (int)desk->options.partition,
                      explain(state, is_hindered), is_hindered ? ": " : "",
                      is_hindered ? hindrance : "");
}

stele_status stele_desk_fail_stopped(stele_desk *desk, const stele_ticket *ticket, stele_error *err)
{
    stele_monitor_lock(&desk->monitor);
    stele_error why = desk->stopped;
    stele_monitor_unlock(&desk->monitor);
    if (ticket->is_tried)
        return fail_tried(desk, ticket, ", once its partition is stopped no more", err);
    return stele_fail_cause(err, STELE_E_STOPPED, STELE_NEXT_STOP, why.cause,
                            "%s/%d is stopped, nothing was appended: %s", desk->options.topic,
                            (int)desk->options.partition, why.text);
}

void stele_desk_set_state(stele_desk *desk, stele_desk_state state)
{
    assert(state != STELE_DESK_STOPPED);
    stele_monitor_lock(&desk->monitor);
    desk->state = state;
    stele_monitor_unlock(&desk->monitor);
}

void stele_desk_stop(stele_desk *desk, const stele_error *why)
{
    stele_monitor_lock(&desk->monitor);
    desk->state = STELE_DESK_STOPPED;
    desk->stopped = *why;
    stele_monitor_unlock(&desk->monitor);
}

stele_desk_state stele_desk_get_state(stele_desk *desk)
{
    stele_monitor_lock(&desk->monitor);
    stele_desk_state state = desk->state;
    stele_monitor_unlock(&desk->monitor);
    return state;
}

size_t stele_desk_count(stele_desk *desk)
{
    stele_monitor_lock(&desk->monitor);
    size_t count = desk->waiting.count;
    stele_monitor_unlock(&desk->monitor);
    return count;
}
