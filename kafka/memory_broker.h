/* SPDX-License-Identifier: MIT
 * The broker of the log in memory: its lock, the coordinators of groups and transactions, and what
 * time does. The operations call it; it calls none of them. Functions are called with the monitor
 * held unless they say otherwise. */
#ifndef STELE_KAFKA_MEMORY_BROKER_H
#define STELE_KAFKA_MEMORY_BROKER_H

#include "kafka/memory_state.h"

/* ---- memory_broker.c ---- */

/** Let what is overdue happen, but where the broker is away. */
void stele_memory_expire(memory_log *log);

/** Lock, and let what is overdue happen: every operation begins so. */
void stele_memory_enter(memory_log *log);

/** Unlock; who waits looks again if anything was changed by stele_memory_changed. */
void stele_memory_exit(memory_log *log);

/**
 * Wait until something changes, or a moment that is short: the caller looks again.
 *
 * @return false: the deadline has passed
 */
bool stele_memory_wait(memory_log *log, stele_deadline deadline);

/** A deadline for a wait, on the runtime's clock. Needs no monitor. */
stele_deadline stele_memory_deadline(const memory_log *log, int timeout_ms);

/** What the calls of who does not reach it fail with. @return STELE_E_UNAVAILABLE (RETRY) */
stele_status stele_memory_fail_away(stele_error *err);

/** Wait until the caller reaches the broker. @return STELE_E_UNAVAILABLE (RETRY) if it does not */
stele_status stele_memory_await_up(memory_log *log, stele_deadline deadline, stele_error *err);

/** The same, and for room in the broker's own records. @return also STELE_E_TIMED_OUT (RETRY) */
stele_status stele_memory_await_room(memory_log *log, stele_deadline deadline, stele_error *err);

/* ---- memory_flight.c ---- */

/** Append it so much later; takes `payload` over. */
void stele_memory_append_late(memory_log *log, stele_partition partition, memory_payload *payload,
                              int64_t timestamp_ms, int64_t after_ms);

/** Append what is due. */
void stele_memory_land(memory_log *log);

void stele_memory_flights_clear(memory_log *log);

/* ---- memory_group_coordinator.c ---- */

/** Join, or join again, with what it owns. A group of the other protocol lets no one in. */
void stele_memory_join(memory_member *member);

/** Take a member out of its group; the others rebalance. */
void stele_memory_leave(memory_member *member);

/** Members that were not polled for too long are lost; the others rebalance. */
void stele_memory_expire_members(memory_log *log);

/** The broker was away: no one is blamed for the silence. */
void stele_memory_forgive_members(memory_log *log);

/** Topics came, went or grew: groups that read `topic` rebalance. */
void stele_memory_rebalance_readers(memory_log *log, const char *topic);

/** May offsets be committed with this metadata now? (GroupCoordinator's validateOffsetCommit.) */
stele_status stele_memory_check_captured(memory_log *log, const memory_captured *captured,
                                         stele_error *err);

/* ---- memory_transaction_coordinator.c ---- */

/** Begin a transaction at the coordinator if none is open. @return its number */
int64_t stele_memory_open(memory_log *log, memory_transactional *transactional);

/** End the open transaction, if there is one: markers, and offsets if it is committed. */
void stele_memory_end_transaction(memory_log *log, memory_transactional *transactional,
                                  bool committed);

/** Write the markers that a full disk has kept back, where there is room now. */
void stele_memory_write_late_markers(memory_log *log);

/** Transactions open for too long are aborted and their holders fenced. */
void stele_memory_expire_transactions(memory_log *log);

#endif
