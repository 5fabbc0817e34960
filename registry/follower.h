/* SPDX-License-Identifier: MIT
 * The thread that reads _stele.schemas, and goes on reading it, into a catalog that others look
 * into under its lock. It creates nothing: a topic that does not exist is an empty registry.
 *
 * The topic may be deleted and made again while it is followed, and then its ids mean something
 * else. Before a question is answered, twice a second while someone relies on what was read, and
 * otherwise twice a minute, it is looked whether its first record is still that one; if not, all
 * that was read is compared with what is there. Until it is known to be the same, no question is
 * answered, and stele_follower_check says why. */
#ifndef STELE_REGISTRY_FOLLOWER_H
#define STELE_REGISTRY_FOLLOWER_H

#include "core/deadline.h"
#include "kafka/log.h"
#include "registry/catalog.h"

typedef struct stele_follower stele_follower;

/**
 * The thread starts with the first question.
 *
 * @param log   borrowed
 * @param news  called when records have been read; in the thread, without the lock
 * @return owned; release with stele_follower_free
 */
stele_follower *stele_follower_new(stele_log *log, void (*news)(void *context), void *context);
void stele_follower_free(stele_follower *follower);

/** End the thread soon, and all who wait at once. Only looking and freeing is left then. */
void stele_follower_interrupt(stele_follower *follower);

/** Take the lock. @return the catalog, borrowed until the unlock */
stele_catalog *stele_follower_lock(stele_follower *follower);
void stele_follower_unlock(stele_follower *follower);

/*
 * With the lock held:
 */

/**
 * Is what was read known to be what the topic holds? With the lock held.
 *
 * @return STELE_E_UNAVAILABLE  the topic is gone, or not compared yet (next = RETRY)
 *         STELE_E_INVALID      it is another registry (next = STOP)
 */
stele_status stele_follower_check(const stele_follower *follower, stele_error *err);

/**
 * Someone uses what was read: it is looked soon, and then again, whether it is still what the topic
 * holds. Without the lock; costs something once for each look.
 */
void stele_follower_rely(stele_follower *follower);

/** Is there anything to be checked at all? Without the lock, and at no cost. */
bool stele_follower_is_doubtful(const stele_follower *follower);

/** Ask for all that the topic holds now to be read. @return what to pass to _is_answered */
int64_t stele_follower_ask(stele_follower *follower);

/** Has everything been read that the topic held at that question? */
bool stele_follower_is_answered(const stele_follower *follower, int64_t question);

/**
 * Wait, without the lock, until a question is answered.
 *
 * @return STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  not yet; the text says why (next = RETRY)
 *         STELE_E_HOLE, STELE_E_NOT_FOUND, STELE_E_INCOMPATIBLE, STELE_E_INVALID  the topic cannot
 *         be followed any more (next = STOP)
 *         STELE_E_INTERRUPTED  (next = STOP)
 */
stele_status stele_follower_wait_answer(stele_follower *follower, int64_t question,
                                        stele_deadline until, stele_error *err);

/** Wait, without the lock, until the record at `offset` has been applied. Fails as the above. */
stele_status stele_follower_wait_offset(stele_follower *follower, int64_t offset,
                                        stele_deadline until, stele_error *err);

#endif
