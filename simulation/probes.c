/* SPDX-License-Identifier: MIT
 * Oracles of the inner layers. What one layer gets wrong another one often heals before it shows in
 * the topics, so each layer says what it believes, and the log is looked into, with no time
 * passing. */
#include "simulation/bank.h"

#include <string.h>

#include "producer/fenced.h"
#include "simulation/versions.h"

/* Has this domain ever asked for the fence of this id? */
static bool has_asked_for_fence(int domain, const char *id)
{
    for (size_t i = 0; i < SIM_FENCED_MAX && world.fenced[domain][i] != NULL; i++)
        if (strcmp(world.fenced[domain][i], id) == 0) return true;
    return false;
}

/* "restored": the snapshots up to `value` were read, and no one else can add to them. */
static void check_restored(int domain, const stele_fact *fact)
{
    int64_t stable;
    int64_t end;
    if (!has_asked_for_fence(domain, fact->subject))
        sim_fail("fork", "%s is restored without a fence", fact->subject);
    if (stele_log_memory_holders(world.log, fact->subject, STELE_LOG_MEMORY_ANYONE) > 1)
        sim_fail("fork", "%s is restored while its owner before can write", fact->subject);
    /* Fenced or closed meanwhile, and it will hear of it. */
    if (stele_log_memory_holders(world.log, fact->subject, domain) == 0) return;
    stele_log_memory_ends(world.log, (stele_partition){fact->topic, fact->partition}, &stable,
                          &end);
    if (world.made_anew && end < fact->value) return; /* it will hear of that, too */
    if (fact->value != end || stable != end)
        sim_fail("gap", "%s is restored up to %d, the end is %d, the last stable offset %d",
                 fact->subject, (int)fact->value, (int)end, (int)stable);
}

/* An owner serves: it has applied all that is there, and no one else can add to it. */
static void check_current(int domain, const stele_fact *fact)
{
    int64_t stable;
    int64_t end;
    char id[64];
    snprintf(id, sizeof id, "%s-%d", fact->topic, (int)fact->partition);
    if (stele_log_memory_holders(world.log, id, domain) == 0) return; /* it will hear of it */
    stele_log_memory_ends(world.log, (stele_partition){fact->topic, fact->partition}, &stable,
                          &end);
    if (fact->value != end)
        sim_fail("gap", "%s serves from %d on, and the end is %d", id, (int)fact->value, (int)end);
}

void sim_probe(void *context, int domain, const stele_fact *fact)
{
    (void)context;
    stele_fibers_note(world.fibers, (uint64_t)fact->value);
    if (domain == STELE_WORLD) return;
    if (strcmp(fact->what, "owner") == 0) {
        if (strcmp(fact->subject, "serves") == 0) check_current(domain, fact);
        sim_look_for_ambush(fact->subject);
        return;
    }
    if (strcmp(fact->what, "commands") == 0 && strcmp(fact->topic, SIM_BANK_COMMANDS) == 0)
        sim_see_taken(domain, fact->partition, fact->value);
    if (strcmp(fact->what, "chooses") == 0) sim_see_choice(domain, (int)fact->value);
    if (strcmp(fact->what, "restored") == 0) check_restored(domain, fact);
    if (strcmp(fact->what, "asks for ends") == 0 && fact->value == STELE_FENCED_INIT)
        sim_fail("fork", "%s: the end of what to restore is asked for before the fence stands",
                 fact->subject);
    if (strcmp(fact->what, "draining") == 0 && fact->value != 0)
        sim_fail("fork", "%s is about to commit what it was told that it has lost",
                 sim_domain_name(domain));
}
