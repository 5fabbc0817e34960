/* SPDX-License-Identifier: MIT
 * What a writer committed last in each partition, and whether readers of what is committed see it
 * there; and so of the group whose offset it moved. A broker that forgets to tell one of them of a
 * transaction's end leaves it open there; an abort of the next one that goes there would take it
 * along. The next commit that goes there ends it as it should. For fenced.c. */
#ifndef STELE_PRODUCER_COMMITTED_H
#define STELE_PRODUCER_COMMITTED_H

#include "core/monitor.h"
#include "kafka/log.h"
#include "producer/fenced.h"

/** Where something is: in the partition of which the owner tells, or in another or the group. */
enum { STELE_COMMITTED_FOLLOWED = 1, STELE_COMMITTED_ELSEWHERE = 2 };

/** The last record in a partition. */
typedef struct stele_committed_place {
    char *topic; /* owned */
    int32_t index;
    int64_t offset;
    int where;
    bool is_new; /* while a transaction is added */
    bool is_seen;
} stele_committed_place;

/** All of it changes in the writer's thread; what is seen changes in any, under the monitor. */
typedef struct stele_committed {
    stele_log *log;
    const char *group;
    stele_partition follows; /* topic owned; NULL: the owner tells of none */
    int64_t followed_end;    /* readers see it up to here */
    stele_monitor *monitor;
    stele_committed_place *places;
    size_t count;
    char *source_topic; /* owned; a source of it; NULL: it moved no offset */
    int32_t source_index;
    bool offset_is_seen; /* the group's */
} stele_committed;

/**
 * Nothing was committed yet. Release with stele_committed_clear.
 *
 * @param log      borrowed, like the others
 * @param group    whose offsets the writer moves; NULL: none
 * @param follows  of which the owner tells what it sees; copied; topic NULL: none
 * @param monitor  the writer's; who waits on it is woken when something has come to be seen
 */
void stele_committed_init(stele_committed *committed, stele_log *log, const char *group,
                          const stele_partition *follows, stele_monitor *monitor);

void stele_committed_clear(stele_committed *committed);

/**
 * `transaction` was committed. Where it went it takes the place of the one before, which it has
 * ended in any case; where it did not, what is not seen stays in doubt. The monitor is held.
 *
 * @return where it went
 */
int stele_committed_add(stele_committed *committed, const stele_transaction *transaction);

/** Readers see `partition` up to `offset` (not included). The monitor is not held. */
void stele_committed_see(stele_committed *committed, stele_partition partition, int64_t offset);

/** Does the owner tell of a partition? */
bool stele_committed_follows(const stele_committed *committed);

/** Is all that was committed there known to be seen? The monitor is held. */
bool stele_committed_is_visible(const stele_committed *committed);

/** Is there something elsewhere that may hang? The monitor is held. */
bool stele_committed_is_in_doubt(const stele_committed *committed);

/**
 * Ask the log about each partition in which it is not known to be seen. From the writer's thread,
 * as the next one; the monitor is not held.
 *
 * @param where  of which partitions: both kinds may be asked for
 * @return STELE_OK          it is seen in all of them
 *         STELE_E_CONFLICT  it is not, in the one that the text names: yet, or it hangs (next =
 * STOP)
 */
stele_status stele_committed_check_places(stele_committed *committed, int where, int timeout_ms,
                                          stele_error *err);

/**
 * Likewise about the group's offset: one that hangs is one that an open transaction holds. Not to
 * be asked while a transaction of the writer's own is open, for that may be the one.
 */
stele_status stele_committed_check_offset(stele_committed *committed, int timeout_ms,
                                          stele_error *err);

#endif
