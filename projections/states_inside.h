/* SPDX-License-Identifier: MIT
 * What the files of the states share: applying events, and setting them aside. */
#ifndef STELE_PROJECTIONS_STATES_INSIDE_H
#define STELE_PROJECTIONS_STATES_INSIDE_H

#include "consumer/decoder.h"
#include "consumer/event.h"
#include "projections/states.h"

struct stele_states {
    const stele_projection *projection;
    stele_clock clock;
    stele_registry *registry;
    int64_t take_max_ns;
    const atomic_bool *stop;
    int32_t partition;
    int32_t partitions;
    const stele_type **types; /* of the handlers, NULL-terminated; owned */
    bool *may_refuse;         /* by the index of the handler; owned */
    bool *ignored;            /* by declaration, for each of them; owned */
    const stele_type *state_types[2];
    const stele_companion *companion; /* NULL: none */
    size_t companion_at;              /* behind an entry */
    stele_decoder *events;
    stele_decoder *snapshots;
    stele_table *table;
    stele_entry *dirty; /* first and last of the list */
    stele_entry **dirty_end;
    size_t dirty_count;
    void *copy;       /* what an apply function that may refuse works on; NULL: none yet */
    uint32_t *hashes; /* of the batch's keys */
    size_t hash_max;
    int64_t applied;
    int64_t late;
    stele_parked *parked; /* NULL: nothing is set aside */
    bool parks;
    bool was_refused; /* what failed last, by an apply function … */
    bool is_spoilt;   /* … which may have changed a state by half */
};

/* An event that comes: in a batch, or as a letter that was set aside. */
typedef struct delivery {
    stele_event_record source;
    stele_partition from;
    bool is_letter; /* it may be refused again, whatever the projection says: it goes to a copy */
} delivery;

/* ---- states.c ---- */
/* A new aggregate: what no id may be is refused here, once, and not at each event. */
stele_status states_add_entry(stele_states *states, stele_bytes id, uint32_t hash,
                              stele_entry **out, stele_error *err);
/* @return next = REJECT: it may be set aside */
stele_status states_apply(stele_states *states, const delivery *of, uint32_t hash,
                          stele_error *err);

/* ---- states_park.c ---- */
/* What the set of events that are set aside says of one that comes.
 * @param applies  is it to be applied? */
stele_status states_consult(stele_states *states, const delivery *of, uint32_t hash, bool *applies,
                            stele_error *err);
stele_status states_set_aside(stele_states *states, const delivery *of, stele_dead_state state,
                              const char *reason, stele_error *err);

#endif
