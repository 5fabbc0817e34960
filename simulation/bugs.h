/* SPDX-License-Identifier: MIT
 * Bugs that can be planted, to see whether the simulation finds them. The code asks STELE_BUG
 * (core/bug.h) at the place of each; only the simulation's build of it has them. */
#ifndef STELE_SIMULATION_BUGS_H
#define STELE_SIMULATION_BUGS_H

#include <stdbool.h>

typedef struct sim_bug {
    const char *name; /* as STELE_BUG has it */
    const char *about;
} sim_bug;

/** Ends with .name == NULL. */
extern const sim_bug sim_bugs[];

bool sim_has_bug(const char *name);

/** Plant one, for this process; NULL: none. */
void sim_plant(const char *name);

#endif
