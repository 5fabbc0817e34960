/* SPDX-License-Identifier: MIT
 * Reactions at work: what the tasks of a worker do with the partitions of a source. Each event is
 * given to its rule, what that sends is put into the commands topics of the targets, in
 * transactions of the partition's own transactional id, and the group's offset with them.
 *
 * A position may only say what is certain. A transaction can be committed, and told to the group,
 * and not to a partition of commands: a broker that crashes can lose a marker (producer/fenced.h),
 * and then the next owner's abort takes those commands along. So the offset that a transaction
 * carries is behind the events whose commands are *proven*: committed, and below the last stable
 * offset of their partitions, before that transaction began. If it commits, no one has fenced its
 * owner before, so it was that owner's commit that made them visible. Whoever takes the partition
 * over begins at the offset, and sends what comes after it again.
 *
 * So a command may be in its topic twice, and never not at all. Each says who sends it and with
 * which sequence (commands_topic.h), and the owner of the commands passes over what is not above
 * the last one of its sender (aggregates/inbox.h). */
#ifndef STELE_AGGREGATES_REACTOR_H
#define STELE_AGGREGATES_REACTOR_H

#include <stele/reaction.h>

#include "consumer/worker.h"
#include "core/scope.h"
#include "registry/registry.h"

/** What all partitions of one worker share. */
typedef struct stele_reactor stele_reactor;

/** All borrowed, and outlives the reactor. */
typedef struct stele_reactor_options {
    const stele_reactions *reactions;
    size_t source; /* which of its sources */
    stele_registry *registry;
    int transaction_timeout_ms; /* 0: 10,000 */
} stele_reactor_options;

/**
 * Nothing is asked yet.
 *
 * @param out  caller owns; release with stele_reactor_close after the worker
 * @return STELE_E_INVALID  the table cannot be right (next = STOP)
 */
stele_status stele_reactor_open(const stele_reactor_options *options, stele_reactor **out,
                                stele_error *err);
void stele_reactor_close(stele_reactor *reactor);
STELE_SCOPE(stele_reactor, stele_reactor_close);

/** What stele_worker_options take: name, topic, ops and self. Borrowed from the reactor. */
const char *stele_reactor_group(const stele_reactor *reactor); /* stele_reactions_group */
const char *stele_reactor_topic(const stele_reactor *reactor); /* "<source>.events" */
extern const stele_task_ops stele_reactor_tasks;

#endif
