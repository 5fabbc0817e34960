/* SPDX-License-Identifier: MIT
 * The runtime port: threads, monitors, the two clocks, sleep and random bytes. Stele waits, starts
 * threads and reads clocks here and nowhere else, so that a simulation can run it in virtual time.
 * It comes with the log (stele_log_runtime) and is handed on to what has no log. Two
 * implementations: the operating system's, and the one of the simulation. */
#ifndef STELE_CORE_RUNTIME_H
#define STELE_CORE_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct stele_runtime_ops stele_runtime_ops;

/** A runtime, passed by value; `self` is borrowed and outlives every copy. Any thread may use it.
 */
typedef struct stele_runtime {
    const stele_runtime_ops *ops;
    void *self;
} stele_runtime;

/** A thread that was started. A value: it is joined or detached once. */
typedef struct stele_thread {
    stele_runtime runtime;
    union {
        pthread_t system;
        void *simulated;
    } is;
} stele_thread;

/** A lock with a condition; core/monitor.h has its calls. */
typedef struct stele_monitor {
    stele_runtime runtime;
    union {
        struct {
            pthread_mutex_t mutex;
            pthread_cond_t changed;
        } system;
        void *simulated; /* who holds it */
    } is;
} stele_monitor;

/** What the inside of a layer believes at a moment, for a checker that knows better. */
typedef struct stele_fact {
    const char *what;    /* "restored", … */
    const char *subject; /* the transactional id, the topic: what it is about */
    const char *topic;
    int32_t partition;
    int64_t value;
} stele_fact;

/** What an implementation provides. The calls below say what each does. */
struct stele_runtime_ops {
    int (*thread_start)(void *self, stele_thread *out, const char *name, void (*run)(void *context),
                        void *context);
    void (*thread_join)(stele_thread *thread);
    void (*thread_detach)(stele_thread *thread);

    void (*monitor_init)(stele_monitor *monitor);
    void (*monitor_clear)(stele_monitor *monitor);
    void (*monitor_lock)(stele_monitor *monitor);
    void (*monitor_unlock)(stele_monitor *monitor);
    bool (*monitor_wait)(stele_monitor *monitor, int64_t until_ns); /* INT64_MAX: forever */
    void (*monitor_wake)(stele_monitor *monitor);

    int64_t (*now_ms)(void *self);
    int64_t (*monotonic_ns)(void *self);
    void (*sleep_ns)(void *self, int64_t ns);
    void (*random)(void *self, void *out, size_t size);
    void (*probe)(void *self, const stele_fact *fact); /* NULL: no one asks */
    uint64_t (*process)(void *self);                   /* NULL: there is one */
    bool (*socket_wait)(void *self, int socket, bool writes, int64_t until_ns);
};

/** The operating system. */
stele_runtime stele_runtime_system(void);

/**
 * Start a thread.
 *
 * @param out   to be joined or detached
 * @param name  for debuggers, at most 15 characters; outlives the thread
 * @return 0, or the errno that says why there is none
 */
static inline int stele_thread_start(stele_runtime runtime, stele_thread *out, const char *name,
                                     void (*run)(void *context), void *context)
{
    return runtime.ops->thread_start(runtime.self, out, name, run, context);
}

/** Wait until it has returned. */
static inline void stele_thread_join(stele_thread thread)
{
    thread.runtime.ops->thread_join(&thread);
}

/** No one will wait for it. */
static inline void stele_thread_detach(stele_thread thread)
{
    thread.runtime.ops->thread_detach(&thread);
}

/** Do nothing for that long. */
static inline void stele_sleep_ms(stele_runtime runtime, int64_t ms)
{
    runtime.ops->sleep_ns(runtime.self, ms * 1000000);
}

/**
 * Wait until a socket has something to be read, or, if the caller `writes`, until it takes
 * something. The operating system's only: what talks to a server is not simulated.
 *
 * @param until_ns  of the monotonic clock
 * @return false: that moment has come
 */
static inline bool stele_socket_wait(stele_runtime runtime, int socket, bool writes,
                                     int64_t until_ns)
{
    return runtime.ops->socket_wait(runtime.self, socket, writes, until_ns);
}

/** Fill `out` with random bytes that no one can guess. Aborts if the system has none. */
static inline void stele_random_bytes(stele_runtime runtime, void *out, size_t size)
{
    runtime.ops->random(runtime.self, out, size);
}

/** The process of the caller, which is another one each time it is started. In the operating
 * system's runtime there is one; in a simulation many share what is not theirs, and none takes back
 * what it had there when it ends. */
static inline uint64_t stele_runtime_process(stele_runtime runtime)
{
    return runtime.ops->process == NULL ? 0 : runtime.ops->process(runtime.self);
}

/** Tell a fact to whoever checks; nothing in the operating system's runtime. */
static inline void stele_probe(stele_runtime runtime, const stele_fact *fact)
{
    if (runtime.ops->probe != NULL) runtime.ops->probe(runtime.self, fact);
}

#endif
