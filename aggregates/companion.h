/* SPDX-License-Identifier: MIT
 * The commands that an aggregate remembers, beside its state: see aggregates/remembered.h. */
#ifndef STELE_AGGREGATES_COMPANION_H
#define STELE_AGGREGATES_COMPANION_H

#include "aggregates/remembered.h"
#include "snapshots/companion.h"

/** Of a fold whose states have a stele_remembered beside them. @param limits  borrowed, outlives it
 */
stele_companion stele_remembered_companion(const stele_remembered_limits *limits);

#endif
