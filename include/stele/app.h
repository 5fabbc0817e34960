/* SPDX-License-Identifier: MIT
 * An application in one table: stele_main gives it every command of the stele program. */
#ifndef STELE_APP_H
#define STELE_APP_H

#include <stele/client.h>
#include <stele/projection.h>
#include <stele/reaction.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stele_app {
    const char *name;                           /* the program's; also the source of its events */
    const stele_aggregate *const *aggregates;   /* NULL-terminated, or NULL */
    const stele_projection *const *projections; /* NULL-terminated, or NULL */
    const stele_reactions *const *reactions;    /* NULL-terminated, or NULL. The writers of their
                                                   targets take commands from their topics */
} stele_app;

/**
 * Run the command line. Handles SIGINT and SIGTERM while it runs.
 *
 * @return exit code: 0 done, 1 failed, 2 usage, 3 a check found something
 */
STELE_API int stele_main(int argc, char **argv, const stele_app *app);

/** Asks workers to stop. May be used by several threads. */
typedef struct stele_stop stele_stop;

/** Never NULL; caller owns; release with stele_stop_free when nothing runs with it any more. */
STELE_API stele_stop *stele_stop_new(void);
STELE_API void stele_stop_free(stele_stop *stop);

/** Ask for the end. From any thread and from a signal handler; more than once is fine. */
STELE_API void stele_stop_ask(stele_stop *stop);

/**
 * Run the workers of all projections of an application, `worker.threads` threads for each, the
 * writers of its aggregates that decide, and its reactions, in a program that has a main function
 * of its own: what `run` does, without arguments and without signal handlers. An aggregate that the
 * program opens a writer of (<stele/writer.h>) is left out of `app`. Blocks until they have ended:
 * after stele_stop_ask they finish the event in hand, write their snapshots within
 * `worker.drain_timeout_ms` and leave the group. Log lines go to standard error.
 *
 * @param client  its configuration is that of the workers; must outlive the call
 * @param app     borrowed for the call; its name is not used
 * @param stop    borrowed for the call
 * @return STELE_OK          they ended because they were asked to
 *         STELE_E_STOPPED   every partition of a projection is stopped; the log says why
 *         other failures    a worker died, and the others were ended (next = STOP)
 */
STELE_API stele_status stele_run(stele_client *client, const stele_app *app, stele_stop *stop,
                                 stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
