/* SPDX-License-Identifier: MIT
 * Letters by aggregate, and lists of what is to be stored. */
#include "projections/parked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bug.h"

stele_parked *stele_parked_new(const stele_parked_limits *limits, uint64_t seed)
{
    stele_parked *parked = stele_alloc(sizeof *parked);
    if (limits != NULL) parked->limits = *limits;
    parked->keys = stele_table_new(sizeof(stele_parked_key), seed);
    return parked;
}

static void free_letters(const stele_parked *parked)
{
    stele_table_cursor cursor = {0};
    stele_parked_key *key;
    while ((key = stele_table_next(parked->keys, &cursor)) != NULL) {
        for (stele_dead_event *each = key->first, *next; each != NULL; each = next) {
            next = each->next;
            if (!each->is_changed) stele_dead_event_free(each);
        }
    }
    for (size_t i = 0; i < parked->changed_count; i++)
        stele_dead_event_free(parked->changed[i]);
}

void stele_parked_free(stele_parked *parked)
{
    if (parked == NULL) return;
    free_letters(parked);
    stele_table_free(parked->keys);
    for (size_t i = 0; i < parked->order_count; i++)
        free(parked->orders[i].reason);
    free(parked->orders);
    free(parked->changed);
    free(parked->gone);
    free(parked);
}

static void count_watched(stele_parked *parked)
{
    parked->watched = stele_table_count(parked->keys) + parked->order_count;
}

stele_bytes stele_parked_id(stele_bytes key)
{
    return key.data == NULL || key.size > STELE_TABLE_KEY_MAX ? stele_text("") : key;
}

/* ---- judging ---- */

const stele_order *stele_parked_order(const stele_parked *parked, int64_t offset)
{
    for (size_t i = 0; i < parked->order_count; i++)
        if (parked->orders[i].offset == offset) return &parked->orders[i];
    return NULL;
}

stele_parked_key *stele_parked_find(const stele_parked *parked, stele_bytes key)
{
    return stele_table_find(parked->keys, stele_parked_id(key));
}

/* Letters may be stored already of events that come again; not all between them need be. */
static stele_parked_verdict judge_letters(const stele_parked_key *of, int64_t offset)
{
    const stele_dead_event *first = of->first;
    if (offset < first->offset) return STELE_PARKED_APPLY;
    if (offset == first->offset && first->state == STELE_DEAD_STATE_DISCARDED)
        return STELE_PARKED_DISCARDED;
    const stele_dead_event *at = first;
    if (offset > of->last->offset) at = NULL;
    while (at != NULL && at->offset < offset)
        at = at->next;
    if (at != NULL && at->offset == offset) return STELE_PARKED_PASS;
    /* Also one that comes again after a crash, and was applied the first time. */
    return STELE_BUG("a parked key whose later event is applied") ? STELE_PARKED_APPLY
                                                                  : STELE_PARKED_BEHIND;
}

stele_parked_verdict stele_parked_judge(const stele_parked *parked, stele_bytes key, int64_t offset)
{
    const stele_parked_key *of = stele_parked_find(parked, key);
    stele_parked_verdict verdict = of == NULL ? STELE_PARKED_APPLY : judge_letters(of, offset);
    if (verdict != STELE_PARKED_APPLY) return verdict;
    const stele_order *order = stele_parked_order(parked, offset);
    if (order == NULL || order->kind == STELE_ORDER_REDRIVE) return STELE_PARKED_APPLY;
    return order->kind == STELE_ORDER_PARK ? STELE_PARKED_ORDERED : STELE_PARKED_DISCARDED;
}

/* ---- changing ---- */

static void *grow(void *array, size_t count, size_t *max, size_t size)
{
    if (count < *max) return array;
    *max = *max == 0 ? 16 : 2 * *max;
    return stele_realloc_array(array, *max, size);
}

static void touch(stele_parked *parked, stele_dead_event *letter)
{
    if (letter->is_changed) return;
    letter->is_changed = true;
    parked->changed =
        grow(parked->changed, parked->changed_count, &parked->changed_max, sizeof letter);
    parked->changed[parked->changed_count++] = letter;
}

/* In its place among the others of its aggregate: behind them, but for an event that comes again
 * after a crash and was applied the first time. */
static void insert(stele_parked *parked, stele_parked_key *of, stele_dead_event *letter)
{
    stele_dead_event **at =
        of->last != NULL && of->last->offset < letter->offset ? &of->last->next : &of->first;
    while (*at != NULL && (*at)->offset < letter->offset)
        at = &(*at)->next;
    assert(*at == NULL || (*at)->offset > letter->offset);
    letter->next = *at;
    *at = letter;
    if (letter->next == NULL) of->last = letter;
    of->count++;
    parked->letter_count++;
    parked->letter_size += stele_dead_event_size(letter);
    count_watched(parked);
}

static stele_status fail_full(const stele_parked *parked, const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_RETRY,
                      "%zu events of %zu aggregates are set aside already, which is %s: see "
                      "`dlq list %s`, redrive or discard them, or raise it",
                      parked->letter_count, stele_parked_keys(parked), what,
                      parked->limits.projection);
}

/* Can an order make room while the next event is that one? Only about a letter below it: of a set
 * that was stored ahead of the position, and is there again after a crash, none may be. */
static bool can_make_room(const stele_parked *parked, int64_t offset)
{
    stele_table_cursor cursor = {0};
    const stele_parked_key *of;
    while ((of = stele_table_next(parked->keys, &cursor)) != NULL)
        if (of->first->offset < offset) return true;
    return false;
}

/* One letter is taken however large it is: else nothing would ever come of it. */
stele_status stele_parked_add(stele_parked *parked, stele_dead_event *letter, stele_error *err)
{
    const stele_parked_limits *limits = &parked->limits;
    stele_parked_key *of = stele_parked_find(parked, letter->key);
    size_t size = parked->letter_size + stele_dead_event_size(letter);
    bool has_keys =
        of == NULL && limits->key_max > 0 && stele_parked_keys(parked) >= limits->key_max;
    bool is_large = limits->size_max > 0 && size > limits->size_max && parked->letter_count > 0;
    if ((has_keys || is_large) && can_make_room(parked, letter->offset))
        return fail_full(parked, has_keys ? "parked_max" : "parked_max_mb", err);
    if (of == NULL) of = stele_table_insert(parked->keys, stele_parked_id(letter->key), NULL);
    insert(parked, of, letter);
    touch(parked, letter);
    return STELE_OK;
}

void stele_parked_add_always(stele_parked *parked, stele_dead_event *letter)
{
    insert(parked, stele_table_insert(parked->keys, stele_parked_id(letter->key), NULL), letter);
    touch(parked, letter);
}

static stele_dead_event *unlink_first(stele_parked *parked, stele_parked_key *of)
{
    stele_dead_event *first = of->first;
    of->first = first->next;
    if (of->first == NULL) of->last = NULL;
    of->count--;
    parked->letter_count--;
    parked->letter_size -= stele_dead_event_size(first);
    first->next = NULL;
    return first;
}

void stele_parked_set_due(stele_parked *parked, stele_parked_key *of, bool is_due)
{
    if (of->is_due == is_due) return;
    of->is_due = is_due;
    parked->due_count += is_due ? 1 : (size_t)-1;
}

/* It was never tried, so someone has set it aside. */
static bool is_on_purpose(const stele_dead_event *letter)
{
    return letter->state == STELE_DEAD_STATE_REFUSED && letter->attempts == 0;
}

/* Its first letter is out of the list. One that is behind nothing has lost what it waited for; one
 * that is set aside on purpose waits for whoever did that. */
static void go_on(stele_parked *parked, stele_parked_key *of)
{
    if (of->first != NULL && of->first->state == STELE_DEAD_STATE_BEHIND)
        stele_parked_set_due(parked, of, true);
    if (of->first != NULL && is_on_purpose(of->first)) stele_parked_set_due(parked, of, false);
    if (of->first != NULL) return;
    if (of->is_due) parked->due_count--;
    stele_table_remove(parked->keys, stele_table_key(parked->keys, of));
    count_watched(parked);
}

static void forget_change(stele_parked *parked, stele_dead_event *letter)
{
    for (size_t i = 0; letter->is_changed && i < parked->changed_count; i++) {
        if (parked->changed[i] != letter) continue;
        size_t rest = parked->changed_count - i - 1;
        memmove(&parked->changed[i], &parked->changed[i + 1], rest * sizeof *parked->changed);
        parked->changed_count--;
        letter->is_changed = false;
    }
}

static void add_gone(stele_parked *parked, int64_t offset)
{
    parked->gone = grow(parked->gone, parked->gone_count, &parked->gone_max, sizeof offset);
    parked->gone[parked->gone_count++] = offset;
}

void stele_parked_drop_first(stele_parked *parked, stele_parked_key *of)
{
    stele_dead_event *first = unlink_first(parked, of);
    forget_change(parked, first);
    if (first->is_stored) add_gone(parked, first->offset);
    stele_dead_event_free(first);
    go_on(parked, of);
}

void stele_parked_settle_first(stele_parked *parked, stele_parked_key *of)
{
    stele_dead_event *first = unlink_first(parked, of);
    if (!first->is_changed) stele_dead_event_free(first); /* else once it is stored */
    go_on(parked, of);
}

stele_parked_key *stele_parked_next_due(const stele_parked *parked, int64_t position)
{
    stele_table_cursor cursor = {0};
    stele_parked_key *of;
    if (parked->due_count == 0) return NULL;
    while ((of = stele_table_next(parked->keys, &cursor)) != NULL)
        if (of->is_due && !of->waits && of->first->offset < position) return of;
    return NULL;
}

void stele_parked_set_waiting(stele_parked *parked, stele_parked_key *of)
{
    of->waits = true;
    parked->waiting_count++;
}

void stele_parked_end_turn(stele_parked *parked)
{
    stele_table_cursor cursor = {0};
    stele_parked_key *of;
    while (parked->waiting_count > 0 && (of = stele_table_next(parked->keys, &cursor)) != NULL) {
        parked->waiting_count -= of->waits;
        of->waits = false;
    }
}

stele_parked_key *stele_parked_find_first(const stele_parked *parked, int64_t offset)
{
    stele_table_cursor cursor = {0};
    stele_parked_key *of;
    while ((of = stele_table_next(parked->keys, &cursor)) != NULL)
        if (of->first->offset == offset) return of;
    return NULL;
}

static stele_dead_event *find_letter(const stele_parked *parked, int64_t offset,
                                     stele_parked_key **of)
{
    stele_table_cursor cursor = {0};
    while ((*of = stele_table_next(parked->keys, &cursor)) != NULL)
        for (stele_dead_event *each = (*of)->first; each != NULL; each = each->next)
            if (each->offset == offset) return each;
    return NULL;
}

static void say(stele_parked *parked, stele_dead_event *letter, stele_dead_state state,
                const char *reason, int64_t now_ms)
{
    parked->letter_size -= stele_dead_event_size(letter);
    stele_dead_event_say(letter, state, reason);
    parked->letter_size += stele_dead_event_size(letter);
    letter->last_failed_ms = now_ms;
    touch(parked, letter);
}

void stele_parked_fill(stele_parked *parked, stele_dead_event *letter, stele_bytes value)
{
    stele_dead_event_fill(letter, value);
    parked->letter_size += value.size;
}

bool stele_parked_discard(stele_parked *parked, const stele_order *order, int64_t now_ms)
{
    stele_parked_key *of;
    stele_dead_event *letter = find_letter(parked, order->offset, &of);
    if (letter == NULL) return false;
    if (letter->state == STELE_DEAD_STATE_DISCARDED) return true;
    say(parked, letter, STELE_DEAD_STATE_DISCARDED, order->reason, now_ms);
    if (letter == of->first) stele_parked_set_due(parked, of, true);
    return true;
}

/* One that was refused has a reason of its own, and waits already. */
bool stele_parked_park(stele_parked *parked, const stele_order *order, int64_t now_ms)
{
    stele_parked_key *of;
    stele_dead_event *letter = find_letter(parked, order->offset, &of);
    if (letter == NULL) return false;
    if (letter->state == STELE_DEAD_STATE_BEHIND)
        say(parked, letter, STELE_DEAD_STATE_REFUSED, order->reason, now_ms);
    if (letter == of->first) stele_parked_set_due(parked, of, false); /* it waits from now on */
    return true;
}

void stele_parked_refused_again(stele_parked *parked, stele_parked_key *of, const char *reason,
                                int64_t now_ms)
{
    of->first->attempts++;
    say(parked, of->first, STELE_DEAD_STATE_REFUSED, reason, now_ms);
    stele_parked_set_due(parked, of, false);
}

/* ---- restoring ---- */

/* Until all is there, letters wait in the list of changes, by offset. */
void stele_parked_restore(stele_parked *parked, int64_t offset, stele_dead_event *letter)
{
    size_t at = parked->changed_count;
    while (at > 0 && parked->changed[at - 1]->offset >= offset)
        at--;
    bool is_there = at < parked->changed_count && parked->changed[at]->offset == offset;
    if (is_there) stele_dead_event_free(parked->changed[at]);
    if (is_there && letter != NULL) {
        parked->changed[at] = letter;
        return;
    }
    size_t behind = parked->changed_count - at;
    if (is_there) {
        memmove(&parked->changed[at], &parked->changed[at + 1],
                (behind - 1) * sizeof *parked->changed);
        parked->changed_count--;
    } else if (letter != NULL) {
        parked->changed =
            grow(parked->changed, parked->changed_count, &parked->changed_max, sizeof letter);
        memmove(&parked->changed[at + 1], &parked->changed[at], behind * sizeof *parked->changed);
        parked->changed[at] = letter;
        parked->changed_count++;
    }
}

void stele_parked_restored(stele_parked *parked)
{
    size_t count = parked->changed_count;
    parked->changed_count = 0;
    for (size_t i = 0; i < count; i++) {
        stele_dead_event *letter = parked->changed[i];
        stele_parked_key *of = stele_table_insert(parked->keys, stele_parked_id(letter->key), NULL);
        insert(parked, of, letter); /* its key was one before */
    }
}

/* ---- storing ---- */

/* Is it in a list still? One that is discarded and had its turn is in none. */
static bool is_listed(const stele_parked *parked, const stele_dead_event *letter)
{
    const stele_parked_key *of = stele_parked_find(parked, letter->key);
    if (of == NULL) return false;
    return letter->state != STELE_DEAD_STATE_DISCARDED || letter->offset >= of->first->offset;
}

static void set_stored(const stele_parked *parked, stele_dead_event *letter)
{
    letter->is_changed = false;
    letter->is_stored = true;
    if (!is_listed(parked, letter)) stele_dead_event_free(letter);
}

void stele_parked_stored_one(stele_parked *parked, size_t index)
{
    stele_dead_event *letter = parked->changed[index];
    size_t rest = parked->changed_count - index - 1;
    memmove(&parked->changed[index], &parked->changed[index + 1], rest * sizeof *parked->changed);
    parked->changed_count--;
    set_stored(parked, letter);
}

void stele_parked_stored(stele_parked *parked, size_t count)
{
    for (size_t i = 0; i < count; i++)
        set_stored(parked, parked->changed[i]);
    memmove(parked->changed, parked->changed + count,
            (parked->changed_count - count) * sizeof *parked->changed);
    parked->changed_count -= count;
}

void stele_parked_removed(stele_parked *parked, size_t count)
{
    assert(count <= parked->gone_count);
    parked->gone_count -= count;
}

/* ---- orders ---- */

void stele_parked_set_order(stele_parked *parked, int64_t offset, stele_order_kind kind,
                            const char *reason)
{
    size_t at = 0;
    while (at < parked->order_count && parked->orders[at].offset != offset)
        at++;
    if (at < parked->order_count) {
        free(parked->orders[at].reason);
    } else {
        parked->orders = grow(parked->orders, at, &parked->order_max, sizeof *parked->orders);
        parked->order_count++;
    }
    parked->orders[at] = (stele_order){offset, kind, stele_strdup(reason)};
    count_watched(parked);
}

void stele_parked_drop_order(stele_parked *parked, size_t index)
{
    free(parked->orders[index].reason);
    parked->orders[index] = parked->orders[--parked->order_count];
    count_watched(parked);
}

/* @return is it done with? */
static bool carry_out(stele_parked *parked, const stele_order *order, int64_t position,
                      int64_t now_ms)
{
    bool is_done = false;
    stele_parked_key *of = NULL;
    switch (order->kind) {
    case STELE_ORDER_REDRIVE:
        of = stele_parked_find_first(parked, order->offset);
        if (of != NULL) stele_parked_set_due(parked, of, true);
        return true;
    case STELE_ORDER_DISCARD:
        is_done = stele_parked_discard(parked, order, now_ms);
        break;
    case STELE_ORDER_PARK:
        is_done = stele_parked_park(parked, order, now_ms);
        break;
    }
    return is_done || order->offset < position; /* it was applied before */
}

bool stele_parked_carry_out(stele_parked *parked, int64_t position, int64_t now_ms)
{
    bool any = false;
    for (size_t i = parked->order_count; i-- > 0;) {
        if (!carry_out(parked, &parked->orders[i], position, now_ms)) continue;
        any = true;
        stele_parked_drop_order(parked, i);
    }
    return any;
}
