/* SPDX-License-Identifier: MIT
 * The workers of an application, as `run` and stele_run start them. */
#ifndef STELE_CLI_RUN_H
#define STELE_CLI_RUN_H

#include <stdbool.h>

#include <stele/app.h>

#include "core/config.h"

/** Is there anything to run: a projection, of the application's or in SQL, an aggregate that
 * decides? */
bool stele_app_runs(const stele_app *app, const stele_config *config);

/** Who has asked the program to end, for whoever wonders in its log. */
void stele_run_log_signal(const stele_client *client, int number, int sender);

/**
 * Run them all until they have ended.
 *
 * @param stop    asked to end them, also by a worker that dies, so that the others end, too
 * @param logged  is the failure in the log already?
 */
stele_status stele_run_workers(stele_client *client, const stele_app *app, stele_stop *stop,
                               bool *logged, stele_error *err);

#endif
