/* SPDX-License-Identifier: MIT
 * The state sink port: where the states of a fold's partition go, together with the position that
 * they stand for. One contract suite is passed by all implementations: Kafka snapshots
 * (stores/kafka_sink.h), a table of a database (projections/table_sink.h), and memory, for tests
 * (stores/memory_sink.h).
 *
 * A partition is written in cycles. A cycle begins at a mark; then what has changed is put, while
 * the fold goes on, so a state that is put may be ahead of the mark; the close moves the position
 * to the mark, once all that was put is stored. A cycle that is not closed moves no position:
 * whoever opens the partition next goes on from the last one, and skips for each aggregate the
 * events below its own offset.
 *
 * No call blocks. What blocks has a thread of its own, which wakes the owner. */
#ifndef STELE_STORES_SINK_H
#define STELE_STORES_SINK_H

#include <stdbool.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"

typedef struct stele_sink stele_sink;

/** A place in the events, and the last event below it. */
typedef struct stele_mark {
    int64_t position;
    int64_t last_offset; /* -1: there is none */
    int64_t last_hash;
} stele_mark;

/** One aggregate. */
typedef struct stele_sink_entry {
    stele_bytes id;        /* borrowed until the sink is released: keys do not move */
    const void *state;     /* of the type that the sink was opened with; borrowed for the call */
    const void *companion; /* what is kept beside it, likewise; NULL: none. It stays with what is
                              removed */
    int64_t version;
    int64_t offset;   /* in the events, after the last one that is in it */
    bool is_finished; /* it is to be removed with a later close */
    bool is_stored;   /* an earlier state of it is in the store */
} stele_sink_entry;

/** An event that was set aside (snapshots/dead_letter.h). */
typedef struct stele_sink_letter {
    int64_t offset;    /* of the event */
    stele_bytes value; /* as it is stored; borrowed for the call; null: it is removed */
} stele_sink_letter;

typedef struct stele_sink_ops {
    void (*begin)(stele_sink *sink, const stele_mark *mark);
    stele_status (*put)(stele_sink *sink, const stele_sink_entry *entry, stele_error *err);
    stele_status (*remove)(stele_sink *sink, const stele_sink_entry *entry, stele_error *err);
    stele_status (*keep)(stele_sink *sink, const stele_sink_letter *letter, stele_error *err);
    void (*close)(stele_sink *sink);
    stele_status (*outcome)(stele_sink *sink, bool *closed, stele_error *err);
    void (*free)(stele_sink *sink);
} stele_sink_ops;

struct stele_sink {
    const stele_sink_ops *ops;
};

/** Begin a cycle; none is under way. @param mark  not below the last one that was closed */
static inline void stele_sink_begin(stele_sink *sink, const stele_mark *mark)
{
    sink->ops->begin(sink, mark);
}

/**
 * Store a state; it is copied. Within a cycle that is not closed.
 *
 * @return STELE_E_FULL  no room until an outcome comes (next = RETRY)
 *         STELE_E_INVALID, STELE_E_LIMIT  the state cannot be stored (next = STOP)
 */
static inline stele_status stele_sink_put(stele_sink *sink, const stele_sink_entry *entry,
                                          stele_error *err)
{
    return sink->ops->put(sink, entry, err);
}

/** Remove a finished aggregate, with the close that follows, and all in one transaction: the caller
 * bounds how many. Its last event is below the mark. */
static inline stele_status stele_sink_remove(stele_sink *sink, const stele_sink_entry *entry,
                                             stele_error *err)
{
    return sink->ops->remove(sink, entry, err);
}

/**
 * Store a letter, or remove it; the value is copied. Within a cycle that is not closed. It may be
 * stored, or removed, before the close, but not before what was put earlier.
 *
 * @return STELE_E_FULL  as of a state
 */
static inline stele_status stele_sink_keep(stele_sink *sink, const stele_sink_letter *letter,
                                           stele_error *err)
{
    return sink->ops->keep(sink, letter, err);
}

/** All is put: move the position to the mark. */
static inline void stele_sink_close(stele_sink *sink)
{
    sink->ops->close(sink);
}

/**
 * What has come of it, and the next step of what is under way. Call it in each turn.
 *
 * @param closed  set when the cycle was closed: all that was put is stored, and the position moved
 * @return STELE_OK          it is under way, or there is nothing
 *         next = RETRY      it cannot be stored now and is tried again; the text says why
 *         next = ABORT      what is stored is not known: open the partition again
 *         STELE_E_HOLE      what was stored is no more (next = ABORT), nor is that of the others
 *         STELE_E_FENCED    another owner has opened it
 *         STELE_E_LIMIT     a state is too large (next = STOP); the text names it
 */
static inline stele_status stele_sink_outcome(stele_sink *sink, bool *closed, stele_error *err)
{
    return sink->ops->outcome(sink, closed, err);
}

/** Release it. What is under way may be stored or not. NULL is fine. */
static inline void stele_sink_free(stele_sink *sink)
{
    if (sink != NULL) sink->ops->free(sink);
}

STELE_SCOPE(stele_sink, stele_sink_free);

#endif
