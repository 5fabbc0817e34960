/* SPDX-License-Identifier: MIT
 * Which version of a projection this instance answers for, or passes questions on to. What is known
 * is a second old at most while the broker answers, so no instance misses a switch for longer. */
#ifndef STELE_SERVER_PROJECTION_SERVED_H
#define STELE_SERVER_PROJECTION_SERVED_H

#include "core/scope.h"
#include "kafka/log.h"

/** Any thread may use it. */
typedef struct stele_served_versions stele_served_versions;

/** @param log  borrowed, outlives it @return never NULL; caller owns */
stele_served_versions *stele_served_versions_new(stele_log *log);
void stele_served_versions_free(stele_served_versions *versions);
STELE_SCOPE(stele_served_versions, stele_served_versions_free);

/**
 * The version that is served. Whoever asks first after a second asks the broker, two seconds at
 * most; the others go on with what is known, and so do all while the broker does not answer.
 *
 * @return 0: nothing is known, or there is no worker of any version
 */
int stele_served_versions_find(stele_served_versions *versions, const char *projection);

#endif
