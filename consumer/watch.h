/* SPDX-License-Identifier: MIT
 * Who stands still, and why: a partition that is behind and does not move must not look like one
 * that has nothing to do. */
#ifndef STELE_CONSUMER_WATCH_H
#define STELE_CONSUMER_WATCH_H

#include "consumer/slot.h"

/**
 * Look whether a partition has moved, and if it has not for long, why.
 * @return it needs another reader: there are events that this one does not give
 */
bool watch_slot(const slot_host *host, slot *self);

#endif
