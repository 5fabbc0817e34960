/* SPDX-License-Identifier: MIT
 * Processes: what of the log is whose, and where one dies, sleeps or loses its network. */
#include "simulation/world.h"

#include <string.h>

/* ---- who they are ---- */

const char *sim_domain_name(int domain)
{
    static const struct {
        int first;
        const char *name;
    } kinds[] = {{SIM_OPERATOR, "operator"},       {SIM_FIRST_SENDER, "sender"},
                 {SIM_FIRST_INSTANCE, "instance"}, {SIM_FIRST_REGISTRAR, "registrar"},
                 {SIM_FIRST_WORKER, "worker"},     {SIM_FIRST_PUBLISHER, "publisher"}};
    static char name[32];
    if (domain == STELE_WORLD) return "the world";
    size_t kind = 0;
    while (domain < kinds[kind].first)
        kind++;
    snprintf(name, sizeof name, "%s %d", kinds[kind].name, domain - kinds[kind].first);
    return name;
}

/* ---- as the log sees them ---- */

int sim_owner(void *context)
{
    (void)context;
    return stele_fibers_domain(world.fibers);
}

bool sim_reaches(void *context, int domain)
{
    (void)context;
    return domain == STELE_WORLD || stele_fibers_now_ns(world.fibers) >= world.cut_until_ns[domain];
}

void sim_on_kill(void *context, int domain)
{
    (void)context;
    stele_log_memory_client_gone(world.log, domain);
    memset(world.fenced[domain], 0, sizeof world.fenced[domain]);
    world.kills++;
    sim_say("%s is killed", sim_domain_name(domain));
}

void sim_on_freeze(void *context, int domain)
{
    (void)context;
    stele_log_memory_client_sleep(world.log, domain, true);
    world.freezes++;
}

void sim_on_thaw(void *context, int domain)
{
    (void)context;
    stele_log_memory_client_sleep(world.log, domain, false);
    sim_say("%s wakes up", sim_domain_name(domain));
}

/* ---- where a process dies, sleeps or is cut off ---- */

/* The calls at which it matters, each as likely as the next, however often it is made. */
static const char *const places[] = {"begin",        "begin",  "put",   "send_offset",
                                     "commit",       "commit", "init",  "bounds",
                                     "group_offset", "flush",  "abort", NULL};

/* The same of whoever has no transactions. */
static const char *const plain_places[] = {"put",   "put",    "put",  "producer_poll",
                                           "flush", "bounds", "next", NULL};

/* Of whoever keeps tables, around the calls of the database. */
static const char *const table_places[] = {"sql claim",   "sql read",   "sql begin",
                                           "sql execute", "sql commit", "sql commit"};

enum { ZOMBIE_PLACES = 6 };

static const char *draw_place(bool is_worker)
{
    uint32_t count = sizeof places / sizeof places[0];
    if (!is_worker)
        return plain_places[stele_stream_below(&world.faults,
                                               sizeof plain_places / sizeof plain_places[0])];
    if (world.has_tables && stele_stream_below(&world.faults, 3) != 0)
        return table_places[stele_stream_below(&world.faults,
                                               sizeof table_places / sizeof table_places[0])];
    if (world.profile == SIM_ZOMBIES) count = ZOMBIE_PLACES;
    const char *place = places[stele_stream_below(&world.faults, count)];
    if (world.profile == SIM_ZOMBIES && stele_stream_below(&world.faults, 3) == 0)
        return "next"; /* with nothing open, and much to write once it wakes up */
    return place;
}

/* Where an owner is with what it was asked for (probes.c). */
static const char *draw_phase(void)
{
    static const char *const phases[] = {"decides", "buries",  "submits",
                                         "commits", "answers", "serves"};
    return phases[stele_stream_below(&world.faults, sizeof phases / sizeof phases[0])];
}

void sim_lay_ambush(sim_ambush ambushes[STELE_DOMAINS], int domain)
{
    bool is_worker = domain >= SIM_FIRST_WORKER && domain < SIM_FIRST_REGISTRAR;
    bool is_instance = domain >= SIM_FIRST_INSTANCE && domain < SIM_FIRST_SENDER;
    const char *call = is_instance && stele_stream_below(&world.faults, 2) == 0
                           ? draw_phase()
                           : draw_place(is_worker || is_instance);
    ambushes[domain] =
        (sim_ambush){call, 1 + stele_stream_below(&world.faults, call == NULL ? 200 : 6)};
}

void sim_clear_ambushes(int domain)
{
    world.crash[domain] = world.freeze[domain] = world.cut[domain] = (sim_ambush){0};
}

static bool is_met(sim_ambush *ambush, const char *call)
{
    if (ambush->count == 0 || (ambush->call != NULL && strcmp(ambush->call, call) != 0))
        return false;
    return --ambush->count == 0;
}

/* By the time-outs that there are: a blink, longer than a session, longer than a transaction. */
static int64_t draw_absence_ns(void)
{
    uint32_t session_ms = (uint32_t)world.session_ms;
    uint32_t transaction_ms = (uint32_t)world.transaction_ms;
    uint32_t kind = stele_stream_below(&world.faults, 3);
    uint32_t ms = world.profile == SIM_ZOMBIES
                      ? session_ms + stele_stream_below(&world.faults, 8000)
                  : kind == 0 ? 1U << stele_stream_below(&world.faults, 13)
                  : kind == 1 ? session_ms + stele_stream_below(&world.faults, transaction_ms)
                              : transaction_ms + stele_stream_below(&world.faults, 8000);
    return (int64_t)ms * 1000000;
}

void sim_freeze(int domain, const char *where)
{
    int64_t ns = draw_absence_ns();
    sim_say("%s sleeps in %s for %d ms", sim_domain_name(domain), where, (int)(ns / 1000000));
    stele_fibers_freeze(world.fibers, domain, stele_fibers_now_ns(world.fibers) + ns);
}

/* It lives on, and nothing that it sends or is sent arrives; so it does not beat. */
void sim_cut(int domain, const char *where)
{
    int64_t ns = draw_absence_ns();
    sim_say("%s is cut off in %s for %d ms", sim_domain_name(domain), where, (int)(ns / 1000000));
    world.cut_until_ns[domain] = stele_fibers_now_ns(world.fibers) + ns;
    world.cuts++;
}

void sim_look_for_ambush(const char *call)
{
    int domain = stele_fibers_domain(world.fibers);
    world.calls++;
    stele_fibers_note(world.fibers, 0x0900 + (uint64_t)domain);
    if (domain == STELE_WORLD) return;
    if (is_met(&world.crash[domain], call)) {
        sim_say("%s dies in %s", sim_domain_name(domain), call);
        stele_fibers_die(world.fibers);
    }
    if (is_met(&world.cut[domain], call)) sim_cut(domain, call);
    if (is_met(&world.freeze[domain], call)) sim_freeze(domain, call);
}
