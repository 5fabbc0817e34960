/* SPDX-License-Identifier: MIT
 * Oracles of the inner layers. What one layer gets wrong another one often heals before it shows in
 * the topics, so each layer says what it believes, and the log is looked into, with no time
 * passing. */
#include "simulation/world.h"

#include <string.h>

#include "producer/fenced.h"

static const memory_transactional *find_transactional(const char *id)
{
    const memory_log *log = (const memory_log *)world.log;
    const memory_transactional *of = log->transactionals;
    while (of != NULL && strcmp(of->id, id) != 0)
        of = of->next;
    return of;
}

/* Has this domain ever asked for the fence of this id? */
static bool has_asked_for_fence(int domain, const memory_transactional *of)
{
    for (size_t i = 0; of != NULL && i < SIM_FENCED_MAX; i++)
        if (world.fenced[domain][i] == of) return true;
    return false;
}

/* Has it a producer of the id, and has no one else fenced that since? */
static bool holds(int domain, const memory_transactional *of)
{
    for (size_t i = 0; i < world.owned_count; i++) {
        const memory_producer *it = world.owned[i].producer;
        if (world.owned[i].domain == domain && it != NULL && it->transactional == of &&
            it->epoch != 0 && it->epoch == of->epoch)
            return true;
    }
    return false;
}

/* How many producers believe that the id is theirs, and are believed by the broker? */
static int count_holders(const memory_transactional *of)
{
    int count = 0;
    for (size_t i = 0; i < world.owned_count; i++) {
        const memory_producer *it = world.owned[i].producer;
        count += it != NULL && it->transactional == of && it->epoch != 0 && it->epoch == of->epoch;
    }
    return count;
}

/* "restored": the snapshots up to `value` were read, and no one else can add to them. */
static void check_restored(int domain, const stele_fact *fact)
{
    const memory_log *log = (const memory_log *)world.log;
    const memory_transactional *of = find_transactional(fact->subject);
    if (!has_asked_for_fence(domain, of))
        sim_fail("fork", "%s is restored without a fence", fact->subject);
    if (of != NULL && count_holders(of) > 1)
        sim_fail("fork", "%s is restored while its owner before can write", fact->subject);
    if (!holds(domain, of)) return; /* fenced or closed meanwhile, and it will hear of it */
    const memory_partition *at =
        stele_memory_find_partition(log, (stele_partition){fact->topic, fact->partition});
    int64_t end = at == NULL ? 0 : at->end;
    int64_t stable = at == NULL ? 0 : stele_memory_end(at, STELE_READ_COMMITTED);
    if (fact->value != end || stable != end)
        sim_fail("gap", "%s is restored up to %d, the end is %d, the last stable offset %d",
                 fact->subject, (int)fact->value, (int)end, (int)stable);
}

void sim_probe(void *context, int domain, const stele_fact *fact)
{
    (void)context;
    stele_fibers_note(world.fibers, (uint64_t)fact->value);
    if (domain == STELE_WORLD) return;
    if (strcmp(fact->what, "restored") == 0) check_restored(domain, fact);
    if (strcmp(fact->what, "asks for ends") == 0 && fact->value == STELE_FENCED_INIT)
        sim_fail("fork", "%s: the end of what to restore is asked for before the fence stands",
                 fact->subject);
    if (strcmp(fact->what, "draining") == 0 && fact->value != 0)
        sim_fail("fork", "%s is about to commit what it was told that it has lost",
                 sim_domain_name(domain));
}
