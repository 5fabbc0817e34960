/* SPDX-License-Identifier: MIT
 * A worker as a member of its group: it joins, hears what is its own, and leaves. */
#include "consumer/worker_inside.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/bug.h"

enum { LEAVE_MS = 3000 };

/* @return NULL: it was left */
static stele_worker *worker_of(const membership *heard)
{
    assert(heard->worker == NULL || heard->worker->membership == heard);
    return heard->worker;
}

/* @locality the worker's thread, within a poll of the member */
static void on_assigned(void *context, const stele_partition *partitions, size_t count)
{
    stele_worker *worker = worker_of(context);
    if (worker == NULL) return;
    worker->count_unconfirmed = true;
    for (size_t i = 0; i < count; i++) {
        slot *each = worker_make_slot(worker, partitions[i].index);
        assert(!each->is_assigned);
        each->is_assigned = true;
        if (each->is_kept && slot_is_served(each))
            slot_confirm(each);
        else
            slot_assign(&worker->host, each);
        if (worker->stop_reason.status < 0) slot_stop(&worker->host, each, &worker->stop_reason);
    }
}

/* Once for all of them, for whoever wonders where they went. */
static void log_given_away(const stele_worker *worker, size_t count)
{
    size_t left = 0;
    for (int32_t i = 0; i < worker->slot_count; i++)
        left += worker->slots[i]->phase != SLOT_FREE;
    stele_logger_write(worker->options.logger, STELE_LOGGER_INFO, "partitions given away",
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_int("count", (int64_t)count),
                                           stele_logger_int("left", (int64_t)left)));
}

/* Whoever is to have it asks for it. */
static bool keeps(const stele_worker *worker, const slot *self, bool lost)
{
    return worker->options.keeps_revoked && !lost && self->phase == SLOT_RUNNING &&
           !self->is_given && !worker->host.stopping;
}

/* @locality as on_assigned; of a member that was left, the thread that closes it */
static void on_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    stele_worker *worker = worker_of(context);
    if (worker == NULL) return;
    bool was_lost = lost;
    if (STELE_BUG("commit in a late revoke")) lost = false;
    slot **slots = stele_alloc_array(count + 1, sizeof(slot *));
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        slot *each = worker_slot(worker, partitions[i].index);
        if (each != NULL) each->is_assigned = false;
        if (each == NULL || each->phase == SLOT_FREE) continue;
        if (keeps(worker, each, lost)) {
            each->is_kept = true;
            continue;
        }
        slots[found++] = each;
        if (!lost && each->phase == SLOT_RUNNING && !worker->host.stopping) each->draining = true;
    }
    if (!lost) worker_drain(worker, was_lost);
    worker_release(worker, slots, found, lost);
    if (found > 0 && !lost && !worker->host.stopping) log_given_away(worker, found);
    free(slots);
}

stele_status worker_join_group(stele_worker *worker, stele_error *err)
{
    assert(worker->membership == NULL && worker->host.reader != NULL);
    const char *const topics[] = {worker->topic, NULL};
    membership *made = stele_alloc(sizeof *made);
    made->worker = worker;
    stele_log_member_options options = {
        .group = worker->name,
        .topics = topics,
        .eager = worker->options.eager,
        .session_timeout_ms = worker->options.session_timeout_ms,
        .client = worker->instance,
        .events = {.assigned = on_assigned, .revoked = on_revoked, .context = made}};
    stele_status status = stele_log_member_open(worker->host.log, &options, &made->member, err);
    if (status < 0) {
        free(made);
        return status;
    }
    worker->membership = made;
    worker->busy_ns = stele_worker_now_ns(worker);
    stele_log_member_wakes(made->member, worker->host.reader);
    return STELE_OK;
}

/* @locality a thread of its own */
static void close_membership(void *of)
{
    membership *left = of;
    stele_log_member_close(left->member, LEAVE_MS);
    free(left);
}

/* All that is ours is given away, or lost, while we are a member as far as we know; the group hears
 * of it behind our back. */
void worker_leave_group(stele_worker *worker, bool died)
{
    assert(worker->membership != NULL);
    slot **slots = stele_alloc_array((size_t)worker->slot_count + 1, sizeof(slot *));
    size_t count = 0;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        each->is_assigned = false;
        if (each->phase == SLOT_FREE) continue;
        slots[count++] = each;
        if (!died && !worker->host.stopping) each->draining = each->phase == SLOT_RUNNING;
    }
    if (!died && !worker->host.stopping) worker_drain(worker, false);
    worker_release(worker, slots, count, died);
    free(slots);

    membership *left = worker->membership;
    worker->membership = NULL;
    if (!STELE_BUG("a member that was left is heard")) left->worker = NULL;
    stele_log_member_wakes(left->member, NULL);
    worker_retire(worker, close_membership, left);
}

/*
 * A partition that was fenced is somebody else's, and the group is about to say so; or its
 * transaction outlived the broker's patience (an outage does that), and then it is ours as before.
 * A member that is alive for a whole session after the fence, with its partition, is the owner as
 * the group sees it: it fences in turn. Where that does not last, somebody else holds the id
 * without the group: leave, and rejoin with a new member id. What the group has not assigned is
 * somebody else's for sure.
 */
static void take_back_fenced(stele_worker *worker, bool *leave)
{
    int64_t now_ns = stele_worker_now_ns(worker);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (each->phase == SLOT_FENCED && each->is_kept) {
            worker_release(worker, &each, 1, true);
            continue;
        }
        if (each->phase != SLOT_FENCED ||
            now_ns < after_ms(each->fenced_ns, worker->options.session_timeout_ms))
            continue;
        *leave = *leave || each->fenced_before;
        each->fenced_before = true;
        slot_reopen(&worker->host, each);
    }
}

/* Not let into the group: it owns nothing, so that no partition of its own could say why. */
static void hear_problem(stele_worker *worker)
{
    stele_error problem;
    bool is_refused = stele_log_member_problem(worker->membership->member, &problem) < 0;
    if (is_refused) worker_complain(worker, "not in the group", &problem);
    if (!is_refused && !worker->is_refused) return;
    int64_t now_ns = stele_worker_now_ns(worker);
    if (!worker->is_refused) worker->refused_ns = now_ns;
    worker->is_refused = is_refused;
    bool too_long = now_ns >= after_ms(worker->refused_ns, worker->options.stall_timeout_ms);
    for (int32_t i = 0; i < worker->partition_count; i++) {
        const slot *own = worker_slot(worker, i);
        if (own != NULL && own->phase != SLOT_FREE) continue;
        if (is_refused)
            stele_status_board_refused(worker->host.board, i,
                                       too_long ? STELE_STATE_STALLED : STELE_STATE_WAITING,
                                       problem.text);
        else
            stele_status_board_drop(worker->host.board, i);
    }
}

void worker_serve_group(stele_worker *worker)
{
    stele_error failure;
    bool leave = false;
    if (stele_log_member_poll(worker->membership->member, 0, &failure) < 0) {
        if (failure.next == STELE_NEXT_RETRY) return;
        worker_complain(worker, "group member is dead, joining again", &failure);
        worker_leave_group(worker, true);
        return;
    }
    hear_problem(worker);
    take_back_fenced(worker, &leave);
    if (!leave) return;
    stele_logger_write(worker->options.logger, STELE_LOGGER_WARN,
                       "fenced by another owner, joining again",
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name)));
    worker_leave_group(worker, false);
}
