/* SPDX-License-Identifier: MIT
 * Closing what takes long to close, in threads of their own: who has put something aside goes on
 * without it. It does not know what is closed. */
#ifndef STELE_CORE_RETIRE_H
#define STELE_CORE_RETIRE_H

#include "core/runtime.h"

/** What is being closed. All zero: nothing. Used by one thread at a time. */
typedef struct stele_retirement {
    struct stele_retiree *first;
} stele_retirement;

/**
 * Close something in a thread of its own. Eight are closed at a time.
 *
 * @param close  called once, in that thread
 * @param what   handed over, if it is closed there
 * @return false: there are eight, or no thread is left; it is still the caller's
 */
bool stele_retire(stele_retirement *retirement, stele_runtime runtime, void (*close)(void *what),
                  void *what);

/** Wait until all are closed: that takes as long as the slowest of them. */
void stele_retirement_await(stele_retirement *retirement);

#endif
