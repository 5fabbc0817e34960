/* SPDX-License-Identifier: MIT
 * What aggregates look like with the events that are on their way: for each with units in flight a
 * copy of its state with them applied. The next command is decided on it. It knows neither log nor
 * transactions: what becomes visible is released, what is aborted is cleared as a whole. */
#ifndef STELE_AGGREGATES_OVERLAY_H
#define STELE_AGGREGATES_OVERLAY_H

#include <stele/type.h>

#include "core/runtime.h"
#include "core/scope.h"

typedef struct stele_overlay stele_overlay;

/** One aggregate. Its state follows in memory, an owned value. */
typedef struct stele_overlay_entry {
    int64_t version;  /* with all that is on its way */
    size_t units;     /* in flight */
    void *last_batch; /* of the owner: where its last unit is */
    int64_t since_ms; /* of the owner: no unit in flight was decided on before */
    bool is_finished; /* its life ends with one of them: the state is empty */
} stele_overlay_entry;

static inline void *stele_overlay_state(stele_overlay_entry *entry)
{
    return entry + 1;
}

/** Empty. Caller owns; release with stele_overlay_free. @param type  of the states; borrowed */
stele_overlay *stele_overlay_new(const stele_type *type, stele_runtime runtime);
void stele_overlay_free(stele_overlay *overlay);
STELE_SCOPE(stele_overlay, stele_overlay_free);

/** @return NULL: none of its units are in flight */
stele_overlay_entry *stele_overlay_find(const stele_overlay *overlay, stele_bytes id);

/**
 * One more unit of an aggregate is in flight, which makes this state of it.
 *
 * @param state    owned value; taken over: it is all zero afterwards. NULL: its life has ended
 * @param batch    where the unit is
 * @return borrowed until its last unit is released
 */
stele_overlay_entry *stele_overlay_add(stele_overlay *overlay, stele_bytes id, void *state,
                                       int64_t version, void *batch);

/** A unit of it is visible: whoever reads what is committed has it. */
void stele_overlay_release(stele_overlay *overlay, stele_overlay_entry *entry);

/** Nothing is in flight any more. */
void stele_overlay_clear(stele_overlay *overlay);

/** How many aggregates have units in flight. */
size_t stele_overlay_count(const stele_overlay *overlay);

#endif
