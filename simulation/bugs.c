/* SPDX-License-Identifier: MIT
 * The planted bugs. */
#include "simulation/bugs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bug.h"

const sim_bug sim_bugs[] = {
    {NULL, NULL},
};

static const char *planted;

bool sim_has_bug(const char *name)
{
    for (const sim_bug *bug = sim_bugs; bug->name != NULL; bug++)
        if (strcmp(bug->name, name) == 0) return true;
    return false;
}

void sim_plant(const char *name)
{
    planted = name;
}

bool stele_bug_is_planted(const char *name)
{
    if (planted == NULL) return false;
    if (!sim_has_bug(name)) {
        fprintf(stderr, "simulate: %s is in no list of bugs\n", name);
        abort();
    }
    return strcmp(planted, name) == 0;
}
