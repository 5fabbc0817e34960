/* SPDX-License-Identifier: MIT
 * A store of states in memory, for tests. It outlives its sinks, as a topic or a database does; the
 * last sink that was opened fences those before. */
#ifndef STELE_STORES_MEMORY_SINK_H
#define STELE_STORES_MEMORY_SINK_H

#include <stele/type.h>

#include "core/scope.h"
#include "snapshots/companion.h"
#include "stores/sink.h"

typedef struct stele_memory_store stele_memory_store;

/** A state as it is stored. Views, valid until the store changes. */
typedef struct stele_stored_state {
    stele_bytes id;
    stele_bytes value; /* Avro */
    stele_bytes companion;
    int64_t version;
    int64_t offset;
    bool is_finished;
} stele_stored_state;

/** An empty store; its position is 0. @return caller owns; release with stele_memory_store_free */
stele_memory_store *stele_memory_store_new(void);
void stele_memory_store_free(stele_memory_store *store);
STELE_SCOPE(stele_memory_store, stele_memory_store_free);

/** The mark of the last cycle that was closed. */
stele_mark stele_memory_store_mark(const stele_memory_store *store);

/** @return false: it is not there, or was removed; then of `out` the companion is set only */
bool stele_memory_store_find(const stele_memory_store *store, stele_bytes id,
                             stele_stored_state *out);

/** Whatever is put or closed waits until it is let go again: outcomes say RETRY. */
void stele_memory_store_hold(stele_memory_store *store, bool held);

/**
 * Open the store.
 *
 * @param type        of the states
 * @param companion   what is kept beside them; borrowed, outlives the sink; NULL: nothing
 * @param queue_max   states between two outcomes, at most; 0: 1,000
 * @param value_max   bytes of a state, at most; 0: no limit
 * @return caller owns; release with stele_sink_free before the store
 */
stele_sink *stele_memory_sink_new(stele_memory_store *store, const stele_type *type,
                                  const stele_companion *companion, size_t queue_max,
                                  size_t value_max);

#endif
