/* SPDX-License-Identifier: MIT
 * The contract of registry/registry.h as cases that every registry which can be written to passes,
 * whatever stands behind it. */
#ifndef STELE_TESTS_REGISTRY_CASES_H
#define STELE_TESTS_REGISTRY_CASES_H

#include "registry/kafka_registry.h"

/** What the cases run over. */
typedef struct registry_fixture {
    /** Another registry on the same schemas, as another process would have it. */
    stele_registry *(*open)(void *context);
    void *context;
    bool is_remote;    /* not of kind `kafka:`: its catalog cannot be looked into */
    bool keeps_layout; /* a schema laid out otherwise has another id */
} registry_fixture;

enum { REGISTRY_WAIT_MS = 15000 };

/** Run the cases. @return as cmocka_run_group_tests */
int registry_cases_run(const char *name, registry_fixture *fixture);

/** A subject that no other test has; free(). */
char *registry_new_subject(const char *word);

/** Register a text that must be taken. @return its id */
int32_t registry_registered(stele_registry *registry, const char *subject, const char *text);

/** All that a `kafka:` registry holds of subjects that begin with `prefix`, as text; free(). */
char *registry_dump(stele_registry *registry, const char *prefix);

/**
 * Register conflicting schemas under a few subjects, as one of several writers.
 *
 * @param taken  how many were registered; the others were refused as incompatible
 */
void registry_write_conflicting(stele_registry *registry, const char *prefix, unsigned writer,
                                unsigned count, unsigned *taken);

#endif
