/* SPDX-License-Identifier: MIT
 * Threads that close one thing each, and are joined when they have. */
#include "core/retire.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/alloc.h"

/* What does not end in time is not to fill the process with threads. */
enum { AT_A_TIME = 8 };

typedef struct stele_retiree {
    struct stele_retiree *next;
    stele_thread thread;
    void (*close)(void *what);
    void *what;
    atomic_bool is_closed;
} stele_retiree;

static void run(void *context)
{
    stele_retiree *self = context;
    self->close(self->what);
    atomic_store(&self->is_closed, true);
}

static void join(stele_retiree **at)
{
    stele_retiree *ended = *at;
    *at = ended->next;
    stele_thread_join(ended->thread);
    free(ended);
}

/* @return how many are still being closed */
static int join_closed(stele_retirement *retirement)
{
    int count = 0;
    stele_retiree **at = &retirement->first;
    while (*at != NULL) {
        if (atomic_load(&(*at)->is_closed)) {
            join(at);
            continue;
        }
        count++;
        at = &(*at)->next;
    }
    return count;
}

bool stele_retire(stele_retirement *retirement, stele_runtime runtime, void (*close)(void *what),
                  void *what)
{
    if (join_closed(retirement) >= AT_A_TIME) return false;
    stele_retiree *made = stele_alloc(sizeof *made);
    made->close = close;
    made->what = what;
    if (stele_thread_start(runtime, &made->thread, "stele-retire", run, made) != 0) {
        free(made);
        return false;
    }
    made->next = retirement->first;
    retirement->first = made;
    return true;
}

void stele_retirement_await(stele_retirement *retirement)
{
    while (retirement->first != NULL)
        join(&retirement->first);
}
