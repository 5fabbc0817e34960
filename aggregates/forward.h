/* SPDX-License-Identifier: MIT
 * Calls of a writer whose partition is elsewhere: they go to its owner over HTTP, as the requests
 * that docs/http.md describes for everyone, with the call's command id, so that one that is asked
 * twice is carried out once. */
#ifndef STELE_AGGREGATES_FORWARD_H
#define STELE_AGGREGATES_FORWARD_H

#include "aggregates/courier.h"
#include "aggregates/writer_inside.h"

/** The calls of one writer. */
typedef struct stele_forwarding stele_forwarding;

/**
 * @param aggregate  one that decides; borrowed, outlives the forwarding
 * @param courier    borrowed; freed before the forwarding
 * @param out        caller owns; release with stele_forwarding_free, after the courier, which
 *                   answers what is on its way
 * @return as stele_aggregate_check
 */
stele_status stele_forwarding_new(const stele_aggregate *aggregate, stele_courier *courier,
                                  stele_forwarding **out, stele_error *err);
void stele_forwarding_free(stele_forwarding *forwarding);
STELE_SCOPE(stele_forwarding, stele_forwarding_free);

/** For the setting of the writer. Borrowed. */
const stele_forwarder *stele_forwarding_port(const stele_forwarding *forwarding);

/** Whose calls they are: to be said before that writer runs. */
void stele_forwarding_bind(stele_forwarding *forwarding, stele_writer *writer);

#endif
