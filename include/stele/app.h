/* SPDX-License-Identifier: MIT
 * An application in one table: stele_main gives it every command of the stele program. */
#ifndef STELE_APP_H
#define STELE_APP_H

#include <stele/projection.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stele_app {
    const char *name;                           /* the program's; also the source of its events */
    const stele_aggregate *const *aggregates;   /* NULL-terminated, or NULL */
    const stele_projection *const *projections; /* NULL-terminated, or NULL */
} stele_app;

/**
 * Run the command line. Handles SIGINT and SIGTERM while it runs.
 *
 * @return exit code: 0 done, 1 failed, 2 usage, 3 a check found something
 */
STELE_API int stele_main(int argc, char **argv, const stele_app *app);

#ifdef __cplusplus
}
#endif

#endif
