/* SPDX-License-Identifier: MIT
 * Which version of a projection this instance answers for, or passes questions on to. What is known
 * is a second old at most while the broker answers, so no instance misses a switch for longer. */
#ifndef STELE_CONSUMER_SERVED_VERSIONS_H
#define STELE_CONSUMER_SERVED_VERSIONS_H

#include "core/scope.h"
#include "kafka/log.h"

/** Any thread may use it. */
typedef struct stele_served_versions stele_served_versions;

/** A version of a projection that this program has, and can be asked for over HTTP. */
typedef struct stele_own_version {
    const char *projection; /* a name without a version */
    int version;
    const char *events; /* its topic */
} stele_own_version;

/**
 * Where it is not written down yet which version readers of one of them have, a thread does so, and
 * tries again until it has (stele_served_settle).
 *
 * @param log  borrowed, outlives it
 * @param own  copied; NULL where there are none
 * @return never NULL; caller owns
 */
stele_served_versions *stele_served_versions_new(stele_log *log, const stele_own_version *own,
                                                 size_t count);
/** Waits for a question to the broker that is on its way, two seconds at most. NULL is fine. */
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
