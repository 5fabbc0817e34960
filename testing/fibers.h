/* SPDX-License-Identifier: MIT
 * The simulation's runtime: every thread is a fiber of one real thread, time is virtual and moves
 * only when all wait, and a seed decides who runs next at each wait, wake and lock, and what the
 * random bytes are. The same seed gives the same run, to the byte.
 *
 * Fibers belong to domains, as threads belong to processes: a domain can be killed or frozen,
 * wherever its fibers are, and no cleanup runs. Domain 0 is the world's: whoever called
 * stele_fibers_new is its first fiber. All calls come from fibers of the simulation. */
#ifndef STELE_TESTING_FIBERS_H
#define STELE_TESTING_FIBERS_H

#include "core/clock.h"
#include "core/scope.h"

enum { STELE_WORLD = 0, STELE_DOMAINS = 32 };

typedef struct stele_fibers stele_fibers;

/** What is told of a domain; called in the fiber that does it, with no time passing. */
typedef void stele_fibers_event(void *context, int domain);

typedef struct stele_fibers_options {
    uint64_t seed;
    uint32_t switch_one_in;   /* a lock or an unlock gives way once in so many; 0: never */
    uint32_t spurious_one_in; /* a wait returns for no reason once in so many; 0: never */
    uint32_t step_max_ns;     /* what a step costs, at most */
    uint32_t starve_one_in;   /* a fiber that gives way is left alone for a while; 0: never */
    uint32_t starve_max_ms;
    stele_fibers_event *killed;
    stele_fibers_event *frozen;
    stele_fibers_event *thawed;
    /** A fact of stele_probe. @param domain  whose it is */
    void (*probe)(void *context, int domain, const stele_fact *fact);
    /** All wait forever. Does not return. NULL: it is printed, and the process aborts */
    void (*deadlocked)(void *context);
    void *context;
} stele_fibers_options;

typedef struct stele_fibers_figures {
    uint64_t switches;
    uint64_t points; /* at which another fiber might have run */
    uint64_t hash;   /* of who ran when, and of all that was noted */
} stele_fibers_figures;

/* ---- randomness ---- */

/** A stream of its own for each use, so that one does not move the others. */
typedef struct stele_stream {
    uint64_t state;
} stele_stream;

stele_stream stele_stream_of(uint64_t seed, uint64_t purpose);
uint64_t stele_stream_next(stele_stream *stream);
/** 0 to bound - 1; 0 if the bound is 0. */
uint32_t stele_stream_below(stele_stream *stream, uint32_t bound);
/** true once in so many; never if 0. */
bool stele_stream_once_in(stele_stream *stream, uint32_t count);

/* ---- the simulation ---- */

/** Begin: the caller is the first fiber of the world. Release with stele_fibers_free. */
stele_fibers *stele_fibers_new(const stele_fibers_options *options);

/** End it: what other fibers have allocated is not released. */
void stele_fibers_free(stele_fibers *fibers);
STELE_SCOPE(stele_fibers, stele_fibers_free);

stele_runtime stele_fibers_runtime(stele_fibers *fibers);
stele_fibers_figures stele_fibers_look(const stele_fibers *fibers);

/** Mix into the hash of the run. */
void stele_fibers_note(stele_fibers *fibers, uint64_t what);

/** Virtual time; looking does not move it, as reading the runtime's clock does. */
int64_t stele_fibers_now_ns(const stele_fibers *fibers);

/** The clocks of the world, whoever looks: a domain's wall clock may have jumped. */
stele_clock stele_fibers_world_clock(stele_fibers *fibers);

/** Let the wall clock of a domain jump, to so far ahead of what it would be. */
void stele_fibers_jump(stele_fibers *fibers, int domain, int64_t ms);

/** Start a domain's first fiber; the domain is not running. */
void stele_fibers_start(stele_fibers *fibers, int domain, const char *name,
                        void (*run)(void *context), void *context);

/** The domain of the fiber that runs. */
int stele_fibers_domain(const stele_fibers *fibers);
bool stele_fibers_is_running(stele_fibers *fibers, int domain);

/** As SIGKILL; not of the caller's own domain. */
void stele_fibers_kill(stele_fibers *fibers, int domain);
/** The caller's domain dies here. */
_Noreturn void stele_fibers_die(stele_fibers *fibers);
/** As SIGSTOP and, at that moment, SIGCONT. */
void stele_fibers_freeze(stele_fibers *fibers, int domain, int64_t until_ns);

#endif
