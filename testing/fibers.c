/* SPDX-License-Identifier: MIT
 * Fibers, virtual time, and who runs next. */
#include "testing/fibers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/alloc.h"
#include "testing/stack_switch.h"

enum {
    FIBERS_MAX = 256,
    BEGIN_S = 1700000000, /* the wall clock at first */
    LOOK_NS = 100         /* what reading the clock costs, or a loop that only looks never ends */
};

typedef enum fiber_state {
    FREE = 0,
    READY,
    LOCKING,
    WAITING,
    SLEEPING,
    JOINING,
    ENDED
} fiber_state;

typedef struct fiber {
    stele_fibers *of;
    stele_stack stack;
    fiber_state state;
    int domain;
    uint32_t id;
    bool detached;
    bool timed_out;
    const stele_monitor *on;
    const struct fiber *joins;
    int64_t wake_ns; /* INT64_MAX: it waits for no moment */
    int saved_errno;
    const char *name;
    void (*run)(void *context);
    void *context;
} fiber;

struct stele_fibers {
    stele_fibers_options options;
    stele_fibers_figures figures;
    stele_stream schedule;
    stele_stream bytes;
    int64_t now_ns;
    fiber *current;
    fiber *last; /* the one that ran before */
    fiber fibers[FIBERS_MAX];
    int64_t due_ns[FIBERS_MAX];      /* from when on each may run; INT64_MAX: it is to be woken */
    uint64_t ready[FIBERS_MAX / 64]; /* a bit each: those that may run at any time */
    int64_t alarm_ns;                /* no one else is due before then, or it is later */
    uint64_t deaths[STELE_DOMAINS];
    uint32_t top;     /* those beyond were never used */
    uint32_t locking; /* so many want a lock */
    uint32_t frozen;  /* so many domains are */
    uint32_t last_id;
    int64_t frozen_ns[STELE_DOMAINS]; /* until then; 0: it is not */
    int64_t jumped_ms[STELE_DOMAINS];
};

/* ---- randomness ---- */

uint64_t stele_stream_next(stele_stream *stream)
{
    uint64_t z = (stream->state += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint32_t stele_stream_below(stele_stream *stream, uint32_t bound)
{
    return (uint32_t)(((stele_stream_next(stream) >> 32) * bound) >> 32);
}

bool stele_stream_once_in(stele_stream *stream, uint32_t count)
{
    return count != 0 && stele_stream_below(stream, count) == 0;
}

stele_stream stele_stream_of(uint64_t seed, uint64_t purpose)
{
    stele_stream made = {seed * UINT64_C(0xD6E8FEB86659FD93) + purpose};
    stele_stream_next(&made);
    return made;
}

void stele_fibers_note(stele_fibers *fibers, uint64_t what)
{
    uint64_t hash = (fibers->figures.hash ^ what) * UINT64_C(0xFF51AFD7ED558CCD);
    fibers->figures.hash = hash ^ (hash >> 32);
}

/* ---- fibers ---- */

/* Every change of a state goes through here: who is next is asked far too often to look at each
 * fiber. `wake_ns` counts for one that waits or sleeps, and for a starved one that is ready. */
static void become(fiber *it, fiber_state state, int64_t wake_ns)
{
    stele_fibers *fibers = it->of;
    fibers->locking += (uint32_t)(state == LOCKING) - (uint32_t)(it->state == LOCKING);
    it->state = state;
    it->wake_ns = wake_ns;
    int64_t due_ns = INT64_MAX;
    if (state == READY) due_ns = wake_ns == INT64_MAX ? 0 : wake_ns;
    if (state == WAITING || state == SLEEPING) due_ns = wake_ns;
    size_t at = (size_t)(it - fibers->fibers);
    fibers->due_ns[at] = due_ns;
    uint64_t bit = UINT64_C(1) << at % 64;
    if (due_ns == 0)
        fibers->ready[at / 64] |= bit;
    else
        fibers->ready[at / 64] &= ~bit;
    if (due_ns != 0 && due_ns < fibers->alarm_ns) fibers->alarm_ns = due_ns;
}

static void get_ready(fiber *it)
{
    become(it, READY, INT64_MAX);
}

static void switch_to(stele_fibers *fibers, fiber *next)
{
    fiber *self = fibers->current;
    if (next == self) return;
    fibers->figures.switches++;
    self->saved_errno = errno;
    fibers->last = self;
    fibers->current = next;
    stele_stack_switch(&self->stack, &next->stack, self->state == ENDED);
    stele_stack_arrived(&self->stack, &fibers->last->stack);
    errno = self->saved_errno;
}

static void schedule(stele_fibers *fibers);

static void begin(void *context)
{
    fiber *self = context;
    stele_fibers *fibers = self->of;
    stele_stack_arrived(&self->stack, &fibers->last->stack);
    self->run(self->context);
    become(self, ENDED, INT64_MAX);
    for (uint32_t i = 0; i < fibers->top; i++) {
        fiber *it = &fibers->fibers[i];
        if (it->state == JOINING && it->joins == self) get_ready(it);
    }
    schedule(fibers);
    abort(); /* no one runs what has ended */
}

static void release(fiber *of)
{
    stele_stack_release(&of->stack);
    *of = (fiber){.state = FREE, .stack = of->stack};
}

/* What has ended can be used again once no one can join it. */
static void reap(stele_fibers *fibers)
{
    for (uint32_t i = 1; i < fibers->top; i++) {
        fiber *it = &fibers->fibers[i];
        if (it != fibers->current && it->state == ENDED && it->detached) release(it);
    }
}

static fiber *make_fiber(stele_fibers *fibers, int domain, const char *name,
                         void (*run)(void *context), void *context)
{
    reap(fibers);
    uint32_t at = 1;
    while (at < FIBERS_MAX && fibers->fibers[at].state != FREE)
        at++;
    if (at == FIBERS_MAX) {
        fprintf(stderr, "simulation: more than %d fibers\n", FIBERS_MAX);
        abort();
    }
    if (at >= fibers->top) fibers->top = at + 1;
    fiber *made = &fibers->fibers[at];
    stele_stack stack = made->stack;
    *made = (fiber){.of = fibers,
                    .stack = stack,
                    .domain = domain,
                    .id = ++fibers->last_id,
                    .name = name,
                    .run = run,
                    .context = context};
    get_ready(made);
    stele_stack_begin(&made->stack, begin, made);
    return made;
}

/* ---- who is next ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void report_deadlock(stele_fibers *fibers)
{
    if (fibers->options.deadlocked != NULL) fibers->options.deadlocked(fibers->options.context);
    fprintf(stderr, "simulation: all wait, at %" PRId64 " ms\n", fibers->now_ns / 1000000);
    for (uint32_t i = 0; i < fibers->top; i++) {
        const fiber *it = &fibers->fibers[i];
        if (it->state != FREE)
            fprintf(stderr, "  domain %d: %s %s\n", it->domain, it->name,
                    it->state == LOCKING   ? "wants a lock"
                    : it->state == WAITING ? "waits"
                    : it->state == JOINING ? "joins"
                                           : "has ended");
    }
    abort();
}

/* The one that stands at `rank` among those that are ready. */
static fiber *ready_at(stele_fibers *fibers, uint32_t rank)
{
    size_t word = 0;
    for (uint32_t here; (here = (uint32_t)__builtin_popcountll(fibers->ready[word])) <= rank;
         word++)
        rank -= here;
    uint64_t bits = fibers->ready[word];
    while (rank-- > 0)
        bits &= bits - 1;
    return &fibers->fibers[64 * word + (size_t)__builtin_ctzll(bits)];
}

/* One of those that are ready, where no one else can be due; or NULL. */
static fiber *choose_ready(stele_fibers *fibers)
{
    if (fibers->frozen > 0 || fibers->alarm_ns <= fibers->now_ns) return NULL;
    uint32_t count = 0;
    for (size_t word = 0; word < FIBERS_MAX / 64; word++)
        count += (uint32_t)__builtin_popcountll(fibers->ready[word]);
    if (count == 0) return NULL;
    return ready_at(fibers, count == 1 ? 0 : stele_stream_below(&fibers->schedule, count));
}

/* One of those that are due; if no one is, the time goes on. */
static fiber *choose(stele_fibers *fibers)
{
    fiber *ready = choose_ready(fibers);
    while (ready == NULL) {
        fiber *due[FIBERS_MAX];
        uint32_t count = 0;
        int64_t first_ns = INT64_MAX;
        fibers->alarm_ns = INT64_MAX;
        for (uint32_t i = 0; i < fibers->top; i++) {
            int64_t at = fibers->due_ns[i];
            if (at == INT64_MAX) continue;
            if (at != 0 && at < fibers->alarm_ns) fibers->alarm_ns = at;
            fiber *it = &fibers->fibers[i];
            at = later(at, fibers->frozen_ns[it->domain]);
            if (at <= fibers->now_ns) due[count++] = it;
            if (at < first_ns) first_ns = at;
        }
        if (count > 0) ready = due[count == 1 ? 0 : stele_stream_below(&fibers->schedule, count)];
        if (first_ns == INT64_MAX) report_deadlock(fibers);
        if (ready == NULL) fibers->now_ns = first_ns;
    }
    return ready;
}

static void set_frozen(stele_fibers *fibers, int domain, int64_t until_ns)
{
    fibers->frozen += (uint32_t)(until_ns != 0) - (uint32_t)(fibers->frozen_ns[domain] != 0);
    fibers->frozen_ns[domain] = until_ns;
}

static void schedule(stele_fibers *fibers)
{
    fibers->figures.points++;
    fibers->now_ns += stele_stream_below(&fibers->schedule, fibers->options.step_max_ns);
    fiber *next = choose(fibers);
    if (next->state == WAITING) next->timed_out = true;
    get_ready(next);
    if (fibers->frozen_ns[next->domain] != 0) {
        set_frozen(fibers, next->domain, 0);
        if (fibers->options.thawed != NULL)
            fibers->options.thawed(fibers->options.context, next->domain);
    }
    stele_fibers_note(fibers, ((uint64_t)next->id << 40) ^ (uint64_t)fibers->now_ns);
    switch_to(fibers, next);
}

/* A moment at which another fiber may run. */
static void give_way(stele_fibers *fibers)
{
    const stele_fibers_options *options = &fibers->options;
    fibers->figures.points++;
    if (!stele_stream_once_in(&fibers->schedule, options->switch_one_in)) return;
    if (stele_stream_once_in(&fibers->schedule, options->starve_one_in)) {
        int64_t ms = 1 + stele_stream_below(&fibers->schedule, options->starve_max_ms);
        become(fibers->current, READY, fibers->now_ns + ms * 1000000);
    }
    schedule(fibers);
}

/* ---- the runtime: threads ---- */

static int thread_start(void *self, stele_thread *out, const char *name, void (*run)(void *),
                        void *context)
{
    stele_fibers *fibers = self;
    *out = (stele_thread){.runtime = stele_fibers_runtime(fibers)};
    out->is.simulated = make_fiber(fibers, fibers->current->domain, name, run, context);
    give_way(fibers);
    return 0;
}

static void thread_join(stele_thread *thread)
{
    fiber *of = thread->is.simulated;
    stele_fibers *fibers = of->of;
    while (of->state != ENDED) {
        fibers->current->joins = of;
        become(fibers->current, JOINING, INT64_MAX);
        schedule(fibers);
    }
    release(of);
}

static void thread_detach(stele_thread *thread)
{
    ((fiber *)thread->is.simulated)->detached = true;
}

/* ---- the runtime: monitors ---- */

static void monitor_init(stele_monitor *monitor)
{
    monitor->is.simulated = NULL;
}

static void monitor_clear(stele_monitor *monitor)
{
    if (monitor->is.simulated != NULL) abort(); /* someone holds it */
}

static void acquire(stele_fibers *fibers, stele_monitor *monitor)
{
    fiber *self = fibers->current;
    if (monitor->is.simulated == self) abort(); /* it holds it already */
    while (monitor->is.simulated != NULL) {
        self->on = monitor;
        become(self, LOCKING, INT64_MAX);
        schedule(fibers);
    }
    self->on = NULL;
    monitor->is.simulated = self;
}

static void let_go(stele_fibers *fibers, stele_monitor *monitor)
{
    if (monitor->is.simulated != fibers->current) abort(); /* it does not hold it */
    monitor->is.simulated = NULL;
    for (uint32_t i = 0; fibers->locking > 0 && i < fibers->top; i++) {
        fiber *it = &fibers->fibers[i];
        if (it->state == LOCKING && it->on == monitor) get_ready(it);
    }
}

static void monitor_lock(stele_monitor *monitor)
{
    stele_fibers *fibers = monitor->runtime.self;
    give_way(fibers);
    acquire(fibers, monitor);
}

static void monitor_unlock(stele_monitor *monitor)
{
    stele_fibers *fibers = monitor->runtime.self;
    let_go(fibers, monitor);
    give_way(fibers);
}

static bool monitor_wait(stele_monitor *monitor, int64_t until_ns)
{
    stele_fibers *fibers = monitor->runtime.self;
    fiber *self = fibers->current;
    let_go(fibers, monitor);
    bool spurious = stele_stream_once_in(&fibers->schedule, fibers->options.spurious_one_in);
    become(self, spurious ? READY : WAITING, spurious ? INT64_MAX : until_ns);
    self->on = monitor;
    self->timed_out = false;
    schedule(fibers);
    bool timed_out = self->timed_out;
    acquire(fibers, monitor);
    return !timed_out;
}

static void monitor_wake(stele_monitor *monitor)
{
    stele_fibers *fibers = monitor->runtime.self;
    for (uint32_t i = 0; i < fibers->top; i++) {
        fiber *it = &fibers->fibers[i];
        if (it->state == WAITING && it->on == monitor) get_ready(it);
    }
}

/* ---- the runtime: time, randomness, facts ---- */

static int64_t now_ms(void *self)
{
    const stele_fibers *fibers = self;
    return INT64_C(1000) * BEGIN_S + fibers->now_ns / 1000000 +
           fibers->jumped_ms[fibers->current->domain];
}

static int64_t world_now_ms(void *self)
{
    const stele_fibers *fibers = self;
    return INT64_C(1000) * BEGIN_S + fibers->now_ns / 1000000 + fibers->jumped_ms[STELE_WORLD];
}

static int64_t monotonic_ns(void *self)
{
    stele_fibers *fibers = self;
    return fibers->now_ns += LOOK_NS;
}

static void sleep_ns(void *self, int64_t ns)
{
    stele_fibers *fibers = self;
    become(fibers->current, SLEEPING, fibers->now_ns + ns);
    schedule(fibers);
}

static void random_bytes(void *self, void *out, size_t size)
{
    uint8_t *byte = out;
    for (size_t i = 0; i < size; i++)
        byte[i] = (uint8_t)stele_stream_next(&((stele_fibers *)self)->bytes);
}

static void probe(void *self, const stele_fact *fact)
{
    const stele_fibers *fibers = self;
    if (fibers->options.probe != NULL)
        fibers->options.probe(fibers->options.context, fibers->current->domain, fact);
}

static uint64_t process(void *self)
{
    const stele_fibers *fibers = self;
    int domain = fibers->current->domain;
    return fibers->deaths[domain] * STELE_DOMAINS + (uint64_t)domain;
}

stele_runtime stele_fibers_runtime(stele_fibers *fibers)
{
    static const stele_runtime_ops ops = {
        .thread_start = thread_start,
        .thread_join = thread_join,
        .thread_detach = thread_detach,
        .monitor_init = monitor_init,
        .monitor_clear = monitor_clear,
        .monitor_lock = monitor_lock,
        .monitor_unlock = monitor_unlock,
        .monitor_wait = monitor_wait,
        .monitor_wake = monitor_wake,
        .now_ms = now_ms,
        .monotonic_ns = monotonic_ns,
        .sleep_ns = sleep_ns,
        .random = random_bytes,
        .probe = probe,
        .process = process,
    };
    return (stele_runtime){.ops = &ops, .self = fibers};
}

stele_clock stele_fibers_world_clock(stele_fibers *fibers)
{
    static const stele_runtime_ops clocks = {.now_ms = world_now_ms, .monotonic_ns = monotonic_ns};
    return stele_runtime_clock((stele_runtime){.ops = &clocks, .self = fibers});
}

/* ---- the world's side ---- */

stele_fibers *stele_fibers_new(const stele_fibers_options *options)
{
    stele_fibers *fibers = stele_alloc(sizeof *fibers);
    fibers->options = *options;
    fibers->schedule = stele_stream_of(options->seed, 1);
    fibers->bytes = stele_stream_of(options->seed, 2);
    fibers->now_ns = 1000000000;
    fibers->alarm_ns = INT64_MAX;
    fibers->fibers[0] = (fiber){.of = fibers, .name = "world"};
    get_ready(&fibers->fibers[0]);
    fibers->top = 1;
    fibers->current = &fibers->fibers[0];
    return fibers;
}

void stele_fibers_free(stele_fibers *fibers)
{
    if (fibers == NULL) return;
    for (uint32_t i = 1; i < fibers->top; i++)
        stele_stack_free(&fibers->fibers[i].stack);
    free(fibers);
}

stele_fibers_figures stele_fibers_look(const stele_fibers *fibers)
{
    return fibers->figures;
}

int64_t stele_fibers_now_ns(const stele_fibers *fibers)
{
    return fibers->now_ns;
}

void stele_fibers_jump(stele_fibers *fibers, int domain, int64_t ms)
{
    fibers->jumped_ms[domain] = ms;
}

void stele_fibers_start(stele_fibers *fibers, int domain, const char *name,
                        void (*run)(void *context), void *context)
{
    set_frozen(fibers, domain, 0);
    make_fiber(fibers, domain, name, run, context)->detached = true;
}

int stele_fibers_domain(const stele_fibers *fibers)
{
    return fibers->current->domain;
}

bool stele_fibers_is_running(stele_fibers *fibers, int domain)
{
    for (uint32_t i = 1; i < fibers->top; i++) {
        const fiber *it = &fibers->fibers[i];
        if (it->state != FREE && it->state != ENDED && it->domain == domain) return true;
    }
    return false;
}

static void end_domain(stele_fibers *fibers, int domain)
{
    for (uint32_t i = 1; i < fibers->top; i++) {
        fiber *it = &fibers->fibers[i];
        if (it->state == FREE || it->domain != domain) continue;
        become(it, ENDED, INT64_MAX);
        it->detached = true; /* whoever would join it is dead too */
    }
    set_frozen(fibers, domain, 0);
    stele_fibers_note(fibers, UINT64_C(0xDEAD) + (uint64_t)domain);
    fibers->deaths[domain]++;
    if (fibers->options.killed != NULL) fibers->options.killed(fibers->options.context, domain);
}

void stele_fibers_kill(stele_fibers *fibers, int domain)
{
    end_domain(fibers, domain);
    reap(fibers);
}

_Noreturn void stele_fibers_die(stele_fibers *fibers)
{
    end_domain(fibers, fibers->current->domain);
    schedule(fibers);
    abort();
}

void stele_fibers_freeze(stele_fibers *fibers, int domain, int64_t until_ns)
{
    set_frozen(fibers, domain, until_ns);
    if (fibers->options.frozen != NULL) fibers->options.frozen(fibers->options.context, domain);
    if (domain == fibers->current->domain) schedule(fibers);
}
