/* SPDX-License-Identifier: MIT
 * Orders from people to the worker that owns a partition: the compact topic `<group>.control`,
 * whose partition i is about partition i of the source, or of each. Whoever takes a partition reads
 * all orders about it first, and then follows them; so an order is carried out by whoever runs, or
 * by whoever comes. The command that gives the first order makes the topic. Carried out twice, an
 * order does the same as once. What is not understood is passed over.
 *
 * About one event:
 *   key    <topic>/<partition>/<offset>
 *   value  redrive, discard or park
 *   header stele_dead_reason: why
 * About all of the partition, in each of them alike:
 *   key    stele:pause
 *   value  pause: no event is applied, and none of those that are set aside is tried again, until
 *          the record is replaced by a tombstone
 *   header stele_dead_reason: why; stele_since: when it was ordered, Unix time in milliseconds
 *   key    stele:reset
 *   value  reset: what is stored was made to begin again, so whoever had read it before lets go,
 * and restores anew. Who has read this first and then what is stored has done so header
 * stele_since: of that reset, by which it is known */
#ifndef STELE_PROJECTIONS_ORDERS_H
#define STELE_PROJECTIONS_ORDERS_H

#include "consumer/worker.h"
#include "projections/parked.h"

#define STELE_ORDER_REASON "stele_dead_reason"
#define STELE_ORDER_SINCE  "stele_since"
#define STELE_ORDER_RESET  "reset"
#define STELE_ORDER_PAUSE  "pause"

typedef struct stele_orders stele_orders;

/** "redrive", "discard", "park". */
const char *stele_order_kind_name(stele_order_kind kind);

/** What the partitions of a worker share: one of them looks from time to time whether the topic is
 * there by now. All zero at first. */
typedef struct stele_orders_lookout {
    int64_t again_ns;
    bool is_found;
} stele_orders_lookout;

/** Those about one partition. @param source, lookout  borrowed @return caller owns; release with
 * stele_orders_end */
stele_orders *stele_orders_new(const char *group, stele_partition source,
                               stele_orders_lookout *lookout);

/** Stop reading, forget what was asked, release. NULL is fine. */
void stele_orders_end(stele_orders *orders, stele_worker *worker);

/** Read all that was there, before what is stored of the partition. @return next = RETRY, also with
 * an empty text: not yet */
stele_status stele_orders_prepare(stele_orders *orders, stele_worker *worker, stele_error *err);

/** Is the batch one of orders? */
bool stele_orders_are(const stele_orders *orders, const stele_batch *batch);

/** Put those of a batch into the set. @param parked  NULL: there is none, and orders about events
 * are passed over */
void stele_orders_take(stele_orders *orders, const stele_batch *batch, stele_parked *parked);

/** In each turn: go on reading, or look from time to time whether the topic is there by now. */
void stele_orders_follow(stele_orders *orders, stele_worker *worker);

/** Has what is stored begun again since the orders were prepared? @return next = ABORT: it has */
stele_status stele_orders_check(const stele_orders *orders, stele_error *err);

/** The last reset that was known when they were prepared, by its time; 0: there was none. */
int64_t stele_orders_reset_ms(const stele_orders *orders);

/** The order not to apply events; NULL: there is none. Valid until the next call. */
const stele_pause *stele_orders_pause(const stele_orders *orders);

#endif
