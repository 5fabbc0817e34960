/* SPDX-License-Identifier: MIT
 * Asking workers to stop (<stele/app.h>), and waiting until someone does. */
#ifndef STELE_CLI_STOP_H
#define STELE_CLI_STOP_H

#include <stdatomic.h>

#include <stele/app.h>

#include "core/runtime.h"

struct stele_stop {
    atomic_bool asked; /* never taken back */
    int bell;          /* an eventfd that can be read once it is asked; -1: none was to be had */
};

/** Make one in the caller's memory ready. Clear it when no one waits. */
void stele_stop_init(stele_stop *stop);
void stele_stop_clear(stele_stop *stop);

/** Wait until it is asked. Any number of threads may. */
void stele_stop_await(const stele_stop *stop, stele_runtime runtime);

#endif
