/* SPDX-License-Identifier: MIT
 * Served versions, kept for a second; and a thread that writes down what no one has yet. */
#include "consumer/served_versions.h"

#include "consumer/served.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/monitor.h"
#include "core/table.h"

enum { AGAIN_MS = 1000, READ_MS = 2000, SETTLE_AGAIN_MS = 3000 };

typedef struct row {
    int version;
    int64_t read_ns; /* when it was read last */
    bool has_read;
    bool is_reading;
} row;

/* What this program has. */
typedef struct own_version {
    char *projection; /* owned */
    char *events;     /* owned */
    int version;
    bool is_settled; /* the thread's */
} own_version;

struct stele_served_versions {
    stele_log *log;
    stele_monitor monitor;
    stele_table *rows; /* by the name of the projection */
    own_version *own;  /* owned */
    size_t own_count;
    stele_thread thread; /* that settles them */
    bool has_thread;
    bool is_closing;
};

/* ---- what is written down ---- */

static bool settle_all(stele_served_versions *versions)
{
    stele_clock clock = stele_log_clock(versions->log);
    bool is_done = true;
    for (size_t i = 0; i < versions->own_count; i++) {
        own_version *own = &versions->own[i];
        own->is_settled =
            own->is_settled ||
            stele_served_settle(versions->log, own->projection, own->version, own->events,
                                stele_deadline_after(clock, READ_MS), NULL) == STELE_OK;
        is_done = is_done && own->is_settled;
    }
    return is_done;
}

static void run(void *context)
{
    stele_served_versions *versions = context;
    bool is_closing = false;
    while (!is_closing && !settle_all(versions)) {
        stele_deadline again =
            stele_deadline_after(stele_log_clock(versions->log), SETTLE_AGAIN_MS);
        stele_monitor_lock(&versions->monitor);
        while (!versions->is_closing && stele_monitor_wait(&versions->monitor, again)) {
        }
        is_closing = versions->is_closing;
        stele_monitor_unlock(&versions->monitor);
    }
}

stele_served_versions *stele_served_versions_new(stele_log *log, const stele_own_version *own,
                                                 size_t count)
{
    stele_served_versions *versions = stele_alloc(sizeof *versions);
    *versions = (stele_served_versions){.log = log,
                                        .rows = stele_table_new(sizeof(row), 0),
                                        .own = stele_alloc_array(count, sizeof(own_version)),
                                        .own_count = count};
    for (size_t i = 0; i < count; i++)
        versions->own[i] = (own_version){.projection = stele_strdup(own[i].projection),
                                         .events = stele_strdup(own[i].events),
                                         .version = own[i].version};
    stele_monitor_init(&versions->monitor, stele_log_runtime(log));
    if (count > 0 && !STELE_BUG("the first version is not written down"))
        versions->has_thread = stele_thread_start(stele_log_runtime(log), &versions->thread,
                                                  "stele-served", run, versions) == 0;
    return versions;
}

void stele_served_versions_free(stele_served_versions *versions)
{
    if (versions == NULL) return;
    stele_monitor_lock(&versions->monitor);
    versions->is_closing = true;
    stele_monitor_wake(&versions->monitor);
    stele_monitor_unlock(&versions->monitor);
    if (versions->has_thread) stele_thread_join(versions->thread);
    for (size_t i = 0; i < versions->own_count; i++) {
        free(versions->own[i].projection);
        free(versions->own[i].events);
    }
    free(versions->own);
    stele_monitor_clear(&versions->monitor);
    stele_table_free(versions->rows);
    free(versions);
}

/* ---- what is asked ---- */

/* The monitor is held, and is not while the topic is read. One that fails leaves what is known. */
static void read_again(stele_served_versions *versions, const char *projection)
{
    stele_clock clock = stele_log_clock(versions->log);
    stele_served served = {0};
    int64_t asked_ns = stele_clock_monotonic_ns(clock); /* what is answered is no newer */
    stele_monitor_unlock(&versions->monitor);
    stele_status status = stele_served_find(versions->log, projection, STELE_SERVED_BY_HTTP,
                                            stele_deadline_after(clock, READ_MS), &served, NULL);
    stele_monitor_lock(&versions->monitor);
    row *of = stele_table_insert(versions->rows, stele_text(projection), NULL);
    if (of == NULL) return;
    bool is_kept = STELE_BUG("an instance misses the record") && of->version > 0;
    if (status == STELE_OK && !is_kept) of->version = served.version;
    of->read_ns = asked_ns;
    of->has_read = true;
    of->is_reading = false;
    stele_monitor_wake(&versions->monitor);
}

/* The monitor is held. */
static bool is_older(const stele_served_versions *versions, const row *of, int ms)
{
    int64_t age_ns = stele_log_now_ns(versions->log) - of->read_ns;
    return !of->has_read || age_ns >= (int64_t)ms * 1000000;
}

int stele_served_versions_find(stele_served_versions *versions, const char *projection)
{
    stele_bytes key = stele_text(projection);
    stele_deadline until = stele_deadline_after(stele_log_clock(versions->log), READ_MS);
    int version = 0;
    stele_monitor_lock(&versions->monitor);
    row *of = stele_table_insert(versions->rows, key, NULL);
    if (of != NULL && !of->is_reading && is_older(versions, of, AGAIN_MS)) {
        of->is_reading = true;
        read_again(versions, projection);
    }
    /* What someone else asks about is not answered from what was so long ago. */
    while ((of = stele_table_find(versions->rows, key)) != NULL && of->is_reading &&
           is_older(versions, of, 2 * AGAIN_MS) && stele_monitor_wait(&versions->monitor, until)) {
    }
    if (of != NULL) version = of->version;
    stele_monitor_unlock(&versions->monitor);
    return version;
}
