/* SPDX-License-Identifier: MIT
 * A schema registry that is an array: for tests that are not about registries. Answers at once. */
#ifndef STELE_TESTS_SUPPORT_SHELF_H
#define STELE_TESTS_SUPPORT_SHELF_H

#include "registry/registry.h"

/** @param genesis  borrowed @return released with stele_registry_close */
stele_registry *shelf_new(const char *genesis, stele_runtime runtime);

/** Leave that many ids out. */
void shelf_skip(stele_registry *registry, int32_t count);

/** Take it away, or bring it back: while it is away, every call says STELE_E_UNAVAILABLE. */
void shelf_set_away(stele_registry *registry, bool away);

/** Each question fails for good: whoever asks has no right to (or has it again). */
void shelf_set_forbidden(stele_registry *registry, bool forbidden);

#endif
