/* SPDX-License-Identifier: MIT
 * A schema registry that is an array: for tests that are not about registries. Answers at once. */
#ifndef STELE_TESTS_SHELF_H
#define STELE_TESTS_SHELF_H

#include "registry/registry.h"

/** @param genesis  borrowed @return released with stele_registry_close */
stele_registry *shelf_new(const char *genesis);

#endif
