/* SPDX-License-Identifier: MIT
 * All that one process has to take calls to owners elsewhere: the table of owners, HTTP, a courier,
 * and for each of its writers a forwarding. */
#ifndef STELE_AGGREGATES_DISPATCH_H
#define STELE_AGGREGATES_DISPATCH_H

#include "aggregates/forward.h"

typedef struct stele_dispatch stele_dispatch;

/**
 * @param log      the operating system's runtime is its; borrowed, outlives the dispatch
 * @param address  of this process's HTTP; borrowed likewise; "": it has none
 * @param out      caller owns; release with stele_dispatch_close
 * @return STELE_E_UNAVAILABLE  no thread is left (next = RETRY)
 */
stele_status stele_dispatch_open(stele_log *log, const char *address, stele_dispatch **out,
                                 stele_error *err);

/** One more writer. @param out  borrowed; to be bound to it. @return as stele_forwarding_new */
stele_status stele_dispatch_add(stele_dispatch *dispatch, const stele_aggregate *aggregate,
                                stele_forwarding **out, stele_error *err);

/** Borrowed. */
stele_owner_table *stele_dispatch_table(const stele_dispatch *dispatch);
stele_courier *stele_dispatch_courier(const stele_dispatch *dispatch);

/** Answer what is on its way. No writer forwards any more: none of them runs. */
void stele_dispatch_stop(stele_dispatch *dispatch);

/** Stop, and release it. NULL is fine. */
void stele_dispatch_close(stele_dispatch *dispatch);
STELE_SCOPE(stele_dispatch, stele_dispatch_close);

#endif
