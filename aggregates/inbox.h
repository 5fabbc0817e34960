/* SPDX-License-Identifier: MIT
 * How far the commands of one partition of a commands topic are carried out, as its owner writes it
 * down and restores it.
 *
 * A position alone is not enough. The transaction that moves it may be told to the partition where
 * it stands, and not to that of the events: a broker that crashes can lose a marker (producer/
 * fenced.h), and then the next owner ends what hangs by an abort. So the record says for each step
 * that was not visible everywhere yet what is to be there if it was taken: an event, by its id and
 * the version of its aggregate, and dead letters. A step of which that is not there is taken again.
 * It knows neither Kafka nor commands. */
#ifndef STELE_AGGREGATES_INBOX_H
#define STELE_AGGREGATES_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <stele/buffer.h>
#include <stele/bytes.h>

#include "aggregates/senders.h"
#include "core/scope.h"
#include "core/uuid.h"

/** Commands that were taken in one transaction. */
typedef struct stele_inbox_step {
    int64_t from;         /* the first one */
    int64_t next;         /* behind the last one */
    stele_buffer witness; /* id of an aggregate that got events in the transaction; empty: none did
                             … */
    int64_t version;      /* … the version that the last of them made … */
    stele_uuid event;     /* … and the id of the first one of that command */
    bool ends;            /* they ended its life: it may be gone since */
    int64_t *dead;        /* those that became dead letters, ascending; owned */
    size_t dead_count;
    bool is_lost;      /* of one that was restored: its transaction was aborted; not written down */
    int64_t dead_last; /* where the last one of them is among the dead letters; not written down */
} stele_inbox_step;

/** All zero is the beginning of a topic. Release with stele_inbox_clear. */
typedef struct stele_inbox {
    int64_t next;            /* the first one that was not taken */
    int64_t dead_from;       /* in the dead letters: all before it is visible */
    int64_t events_from;     /* in the events: what came of later commands is not before it */
    stele_inbox_step *steps; /* that may not be visible, in order; owned */
    size_t count;
    size_t capacity;
    stele_senders senders;
} stele_inbox;

void stele_inbox_clear(stele_inbox *inbox);
STELE_VALUE_SCOPE(stele_inbox, stele_inbox_clear);

/**
 * Append it as JSON.
 *
 * @param rest  as it was restored: what is behind inbox->next of that is still to be taken again,
 *              and goes on to be known
 */
void stele_inbox_write(const stele_inbox *inbox, const stele_inbox *rest, stele_buffer *out);

/** @param out  all zero; filled only if it is one. @return false: it is none */
bool stele_inbox_read(stele_bytes json, stele_inbox *out);

/** A new step behind the others, of the command at `offset`. Valid until the next call. */
stele_inbox_step *stele_inbox_add(stele_inbox *inbox, int64_t offset);

/** One more command of the last step. */
void stele_inbox_extend(stele_inbox_step *step, int64_t offset);
void stele_inbox_add_dead(stele_inbox_step *step, int64_t offset);

/** Forget steps: the first ones, which are visible; the last ones, which are to be taken again. */
void stele_inbox_drop_first(stele_inbox *inbox, size_t count);
void stele_inbox_drop_last(stele_inbox *inbox, size_t count);

/** The first command that may have to be taken again. */
int64_t stele_inbox_from(const stele_inbox *inbox);

/** Where reading begins: there, or before it, where the senders were as they are written down. */
int64_t stele_inbox_read_from(const stele_inbox *inbox);

/** Is it one of them? */
bool stele_inbox_has(const int64_t *sorted, size_t count, int64_t offset);

/** What is known of a command. */
typedef enum stele_inbox_verdict {
    STELE_INBOX_OPEN = 0, /* it was not taken, or what came of it was aborted */
    STELE_INBOX_TAKEN,
    STELE_INBOX_REFUSED /* it was taken and refused; its dead letter is not there */
} stele_inbox_verdict;

/**
 * Was a command taken, by what is there?
 *
 * @param inbox  as it was restored, with `is_lost` of its steps
 * @param found  offsets of commands whose dead letters are there, ascending; also of those that
 *               the record knows nothing of, as it may be older than they are
 */
stele_inbox_verdict stele_inbox_judge(const stele_inbox *inbox, int64_t offset,
                                      const int64_t *found, size_t found_count);

#endif
