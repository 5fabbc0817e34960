/* SPDX-License-Identifier: MIT
 * A place for a planted bug: `if (STELE_BUG("name"))` is false, and no code at all, but in the
 * simulation's own build (simulation/bugs.c), which shows that it finds each of them. */
#ifndef STELE_CORE_BUG_H
#define STELE_CORE_BUG_H

#include <stdbool.h>

#ifdef STELE_SIMULATION
bool stele_bug_is_planted(const char *name);
#define STELE_BUG(name) stele_bug_is_planted(name)
#else
#define STELE_BUG(name) false
#endif

#endif
