/* SPDX-License-Identifier: MIT
 * A companion: what is kept beside each state of a fold and made from the same events, for whoever
 * the fold works for. It is stored with the state, in a header of the snapshot's record, and comes
 * back with it. Those who only read states do not know of it. */
#ifndef STELE_SNAPSHOTS_COMPANION_H
#define STELE_SNAPSHOTS_COMPANION_H

#include <stele/buffer.h>
#include <stele/event.h>

/** What it is, and what is done with one. A constant of its fold; `context` is handed to each. */
typedef struct stele_companion {
    const char *header; /* "stele_commands" */
    size_t size;        /* bytes of it in memory; all zero is that of a new aggregate */
    size_t align;       /* of it: 1, 2, 4 or 8 */
    const void *context;

    /**
     * An event was applied to the state, or is ignored by declaration: `event` has the version
     * after it; its type and data are NULL if they were of no account. As an apply function it
     * depends on nothing but its arguments.
     * @return a failure stops the partition at this event
     */
    stele_status (*see)(const void *context, void *companion, const stele_event *event,
                        stele_error *err);

    /** Append what is to be stored; equal ones are equal bytes. */
    void (*write)(const void *context, const void *companion, stele_buffer *out);

    /**
     * Make one that is all zero what was stored.
     * @param bytes  as they were written; null: the snapshot has none
     * @return STELE_E_INVALID  they are damaged (next = STOP); it is cleared then
     */
    stele_status (*read)(const void *context, void *companion, stele_bytes bytes, stele_error *err);

    /** Release what it owns; it is all zero then. */
    void (*clear)(const void *context, void *companion);
} stele_companion;

#endif
