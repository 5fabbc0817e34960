/* SPDX-License-Identifier: MIT
 * Orders about single events, from people to the worker that owns their partition: the compact
 * topic `<group>.control`, whose partition i is about partition i of the source. Whoever takes a
 * partition reads all orders about it first, and then follows them; so an order is carried out by
 * whoever runs, or by whoever comes. `dlq` makes the topic with the first order. An order is about
 * one event, and carried out twice it does the same as once.
 *
 *   key    <topic>/<partition>/<offset>: the event
 *   value  redrive, discard or park
 *   header stele_dead_reason: why */
#ifndef STELE_PROJECTIONS_ORDERS_H
#define STELE_PROJECTIONS_ORDERS_H

#include "consumer/worker.h"
#include "projections/parked.h"

#define STELE_ORDER_REASON "stele_dead_reason"

typedef struct stele_orders stele_orders;

/** "redrive", "discard", "park". */
const char *stele_order_kind_name(stele_order_kind kind);

/** Those about one partition. @param source  borrowed @return caller owns; release with
 * stele_orders_end */
stele_orders *stele_orders_new(const char *group, stele_partition source);

/** Stop reading, forget what was asked, release. NULL is fine. */
void stele_orders_end(stele_orders *orders, stele_worker *worker);

/** Read all that was there. @return next = RETRY, also with an empty text: not yet */
stele_status stele_orders_prepare(stele_orders *orders, stele_worker *worker, stele_error *err);

/** Is the batch one of orders? */
bool stele_orders_are(const stele_orders *orders, const stele_batch *batch);

/** Put those of a batch into the set. */
void stele_orders_take(stele_orders *orders, const stele_batch *batch, stele_parked *parked);

/** In each turn: go on reading, and look from time to time whether the topic is there by now, if
 * anyone could have a reason to make it. */
void stele_orders_follow(stele_orders *orders, stele_worker *worker, bool is_likely);

#endif
