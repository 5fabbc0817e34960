/* SPDX-License-Identifier: MIT
 * Events that are not applied when they come: set aside, discarded, tried again. */
#include "projections/states_inside.h"

#include "core/bug.h"

/* ---- as they come ---- */

/* An event that is not applied, by someone's decision, counts all the same. */
static void pass_over(stele_states *states, stele_bytes id, int64_t offset, uint32_t hash)
{
    stele_entry *entry = stele_table_find_hashed(states->table, id, hash);
    if (entry == NULL && states_add_entry(states, id, hash, &entry, NULL) < 0) return;
    if (offset < entry->offset || (entry->flags & STELE_ENTRY_FINISHED) != 0) return;
    entry->version++;
    entry->offset = offset + 1;
    if ((entry->flags & STELE_ENTRY_DIRTY) == 0) stele_states_add_dirty(states, entry);
}

static stele_dead_event *write_letter(const stele_states *states, const delivery *of,
                                      stele_dead_state state, const char *reason)
{
    stele_dead_event *letter = stele_dead_event_new(of->source.batch, of->source.record);
    stele_dead_event_say(letter, state, reason);
    letter->first_failed_ms = letter->last_failed_ms = stele_clock_now_ms(states->clock);
    return letter;
}

stele_status states_set_aside(stele_states *states, const delivery *of, stele_dead_state state,
                              const char *reason, stele_error *err)
{
    stele_dead_event *letter = write_letter(states, of, state, reason);
    stele_status status = stele_parked_add(states->parked, letter, err);
    if (status < 0) stele_dead_event_free(letter);
    return status;
}

/* Its letter may be in the store already, or is one from now on. It takes no room, for it has its
 * turn at once: where the set is full, this is a way out for the event that waits. */
static void discard(stele_states *states, const delivery *of, uint32_t hash)
{
    const stele_record *record = of->source.record;
    const stele_order *order = stele_parked_order(states->parked, record->offset);
    stele_parked_key *key = stele_parked_find(states->parked, record->key);
    bool is_there = key != NULL && key->first->offset == record->offset;
    if (!is_there)
        stele_parked_add_always(
            states->parked, write_letter(states, of, STELE_DEAD_STATE_DISCARDED, order->reason));
    stele_parked_settle_first(states->parked, stele_parked_find(states->parked, record->key));
    if (record->key.data != NULL) pass_over(states, record->key, record->offset, hash);
}

stele_status states_consult(stele_states *states, const delivery *of, uint32_t hash, bool *applies,
                            stele_error *err)
{
    const stele_record *record = of->source.record;
    stele_parked *parked = states->parked;
    *applies = false;
    switch (stele_parked_judge(parked, record->key, record->offset)) {
    case STELE_PARKED_APPLY:
        *applies = true;
        return STELE_OK;
    case STELE_PARKED_PASS:
        return STELE_OK;
    case STELE_PARKED_BEHIND:
        return states_set_aside(states, of, STELE_DEAD_STATE_BEHIND, "", err);
    case STELE_PARKED_ORDERED:
        return states_set_aside(states, of, STELE_DEAD_STATE_REFUSED,
                                stele_parked_order(parked, record->offset)->reason, err);
    case STELE_PARKED_DISCARDED:
        break;
    }
    discard(states, of, hash);
    return STELE_OK;
}

/* ---- letters ---- */

bool stele_states_was_refused(const stele_states *states)
{
    return states->was_refused;
}

bool stele_states_is_spoilt(const stele_states *states)
{
    return states->is_spoilt;
}

static stele_status apply_letter(stele_states *states, stele_partition source,
                                 const stele_dead_event *letter, stele_error *err)
{
    const stele_record record = {.offset = letter->offset,
                                 .timestamp_ms = letter->timestamp_ms,
                                 .key = letter->key,
                                 .value = letter->value};
    const delivery of = {
        {.record = &record, .headers = letter->headers, .header_count = letter->header_count},
        source,
        true};
    uint32_t hash = letter->key.data == NULL ? 0 : stele_table_hash(states->table, letter->key);
    return states_apply(states, &of, hash, err);
}

/* The turn of one that is discarded. */
static void pass_over_letter(stele_states *states, stele_parked_key *of)
{
    const stele_dead_event *letter = of->first;
    if (letter->key.data != NULL)
        pass_over(states, letter->key, letter->offset,
                  stele_table_hash(states->table, letter->key));
    stele_parked_settle_first(states->parked, of);
}

stele_status stele_states_redrive(stele_states *states, stele_partition source,
                                  stele_parked_key *of, stele_error *err)
{
    stele_dead_event *first = of->first;
    stele_parked *parked = states->parked;
    if (first->state == STELE_DEAD_STATE_DISCARDED) {
        pass_over_letter(states, of);
        return STELE_OK;
    }
    bool is_wrong = first->next != NULL && STELE_BUG("a redrive out of order");
    stele_error failure;
    stele_status status = apply_letter(states, source, is_wrong ? first->next : first, &failure);
    if (status == STELE_OK) {
        stele_parked_drop_first(parked, of);
        return STELE_OK;
    }
    if (err != NULL) *err = failure;
    if (failure.next == STELE_NEXT_RETRY) return status;
    stele_parked_refused_again(parked, of, failure.text, stele_clock_now_ms(states->clock));
    return status;
}

/* Is the event of the letter below what the state of its aggregate has? */
static bool is_applied(const stele_states *states, const stele_dead_event *letter)
{
    if (letter->key.data == NULL) return false;
    const stele_entry *entry = stele_table_find(states->table, letter->key);
    return entry != NULL && entry->offset > letter->offset;
}

bool stele_states_have(const stele_states *states, const stele_dead_event *letter)
{
    return letter->state != STELE_DEAD_STATE_DISCARDED && is_applied(states, letter);
}

static void settle(stele_states *states, stele_parked_key *of, int64_t position)
{
    stele_parked *parked = states->parked;
    for (size_t left = of->count; left > 0; left--) {
        bool is_discarded = of->first->state == STELE_DEAD_STATE_DISCARDED;
        if (is_applied(states, of->first)) {
            if (is_discarded)
                stele_parked_settle_first(parked, of);
            else
                stele_parked_drop_first(parked, of);
        } else if (is_discarded && of->first->offset < position) {
            pass_over_letter(states, of);
        } else {
            break;
        }
        if (left == 1) return; /* it had no more, and is gone */
    }
    /* One that is behind nothing has lost what it waited for. */
    if (of->first->state == STELE_DEAD_STATE_BEHIND) stele_parked_set_due(parked, of, true);
}

void stele_states_settle(stele_states *states, int64_t position)
{
    stele_table_cursor cursor = {0};
    stele_parked_key *of;
    while ((of = stele_table_next(states->parked->keys, &cursor)) != NULL)
        settle(states, of, position);
}
