/* SPDX-License-Identifier: MIT
 * A broker takes or refuses a batch as a whole, and does not say which record it was. So the events
 * of a refused batch are suspects: they are sent again in halves, one half at a time and nothing
 * beside it, so that order holds, until one that was sent alone is refused. That one fails; the
 * others are stored. */
#include "producer/publisher_inside.h"

enum {
    TRIAL_SIZE_MAX = 256 << 10, /* bytes of one trial: well within a batch */
    TRIAL_MS = 2000,
    SAME_MAX = 8 /* producers lost to one cause, with nothing stored between */
};

/* ---- what a failure means ---- */

/* A cause that no waiting has ended. Whatever the broker means by it, it is taken for a refusal, so
 * that the event that it is about fails with it, instead of a new producer forever. */
static bool is_hopeless(const stele_publisher *publisher, const stele_error *failure)
{
    bool is_unknown = failure->status == STELE_E_INTERNAL || failure->status == STELE_E_INVALID;
    return is_unknown && failure->cause != 0 && failure->cause == publisher->hopeless_cause;
}

void stele_publisher_count_cause(stele_publisher *publisher, int cause)
{
    if (cause != publisher->last_cause) publisher->same_cause = 0;
    publisher->last_cause = cause;
    publisher->same_cause++;
    if (publisher->same_cause >= SAME_MAX) publisher->hopeless_cause = cause;
}

bool stele_publisher_is_refusal(const stele_publisher *publisher, const stele_error *failure)
{
    return failure->next == STELE_NEXT_REJECT || is_hopeless(publisher, failure);
}

static void suspect(stele_publisher *publisher, stele_pending *pending)
{
    if (!pending->is_suspect) publisher->suspects++;
    pending->is_suspect = true;
    /* Half of what was refused together. */
    publisher->refused++;
    publisher->trial_max = publisher->refused / 2 < 1 ? 1 : publisher->refused / 2;
}

void stele_publisher_refuse(stele_publisher *publisher, stele_pending *pending,
                            const stele_error *failure)
{
    bool was_alone = publisher->trial_count == 1;
    bool is_in_doubt = failure->next == STELE_NEXT_STOP;
    stele_publisher_doubt_event(publisher, failure);
    /* It is known what to do: no pause. */
    publisher->replace_at_ns = 0;
    if (!is_in_doubt) pending->state = STELE_PENDING_KEPT;
    if (!was_alone) {
        suspect(publisher, pending);
    } else if (is_in_doubt) {
        publisher->condemned = pending;
        publisher->verdict = *failure;
    } else {
        stele_publisher_deliver(publisher, pending, -1, failure);
    }
}

/* The log was read, and does not hold it. */
static void fail_condemned(stele_publisher *publisher)
{
    if (publisher->condemned == NULL) return;
    publisher->verdict.next = STELE_NEXT_REJECT;
    stele_publisher_deliver(publisher, publisher->condemned, -1, &publisher->verdict);
}

/* ---- trials ---- */

static stele_publisher_partition *find_suspects(stele_publisher *publisher)
{
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        stele_pending_chunk *chunk = NULL;
        size_t at = 0;
        stele_pending *pending;
        stele_publisher_partition *own = &publisher->partitions[i];
        while ((pending = stele_pending_next(&own->queue, &chunk, &at)) != NULL)
            if (pending->is_suspect) return own;
    }
    return NULL;
}

/* Put the oldest of a partition: never a suspect ahead of what came before it. */
static stele_status put_trial(stele_publisher *publisher, const stele_publisher_partition *own,
                              stele_error *err)
{
    stele_pending_chunk *chunk = NULL;
    size_t at = 0;
    size_t size = 0;
    stele_pending *pending;
    publisher->trial_count = 0;
    while (publisher->trial_count < publisher->trial_max &&
           (pending = stele_pending_next(&own->queue, &chunk, &at)) != NULL) {
        size += pending->size;
        if (publisher->trial_count > 0 && size > TRIAL_SIZE_MAX) return STELE_OK;
        stele_status status = stele_publisher_put(publisher, pending, err);
        if (status < 0) return status;
        publisher->trial_count++;
    }
    return STELE_OK;
}

static stele_status try_some(stele_publisher *publisher, const stele_publisher_partition *own,
                             stele_error *err)
{
    publisher->refused = 0;
    stele_status status = put_trial(publisher, own, err);
    if (status < 0 && publisher->trial_count == 0) return status;
    status = stele_log_producer_flush(publisher->producer, TRIAL_MS, err);
    if (publisher->must_replace) { /* by one of its deliveries */
        if (err != NULL) *err = publisher->doubt;
        return publisher->doubt.status;
    }
    if (status < 0) stele_publisher_doubt(publisher, err);
    return status;
}

stele_status stele_publisher_try_suspects(stele_publisher *publisher, stele_error *err)
{
    stele_status status = STELE_OK;
    stele_publisher_partition *own;
    if (publisher->suspects == 0) return STELE_OK;
    fail_condemned(publisher);
    while (status == STELE_OK && publisher->suspects > 0 &&
           (own = find_suspects(publisher)) != NULL) {
        status = try_some(publisher, own, err);
        if (status == STELE_OK) publisher->trial_max *= 2;
    }
    publisher->trial_count = 0;
    if (publisher->suspects == 0) {
        publisher->refused = 0;
        publisher->hopeless_cause = 0;
    }
    return status;
}
