/* SPDX-License-Identifier: MIT
 * Two versions of a projection at once: their workers, who are asked which one readers have, and a
 * person who lets readers have the other one. */
#ifndef STELE_SIMULATION_VERSIONS_H
#define STELE_SIMULATION_VERSIONS_H

#include "simulation/world.h"

/** Of which version is that worker, in this life? */
int sim_version_of(int which);

/** A thread in the worker's process that asks which version readers have, as its HTTP does. */
typedef struct sim_reader sim_reader;

/** @return NULL where there is one version only */
sim_reader *sim_start_reader(sim_worker *worker);
void sim_end_reader(sim_reader *reader);

/** An event is applied, by whichever version. */
void sim_see_applied_by_version(const stele_event *event);

/** A domain is about to write down that readers have that version. */
void sim_see_choice(int domain, int version);

#endif
