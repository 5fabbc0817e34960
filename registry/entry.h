/* SPDX-License-Identifier: MIT
 * A registered schema as a value that its holder owns. */
#ifndef STELE_REGISTRY_ENTRY_H
#define STELE_REGISTRY_ENTRY_H

#include "registry/registry.h"

/** Owns all it points to; all zero is valid. */
struct stele_registry_entry {
    int32_t id;                           /* 0: the registry does not say */
    int32_t version;                      /* 0: it was asked by id */
    char *text;                           /* as it was registered; NUL-terminated */
    stele_registry_reference *references; /* the texts in them are owned, too */
    size_t reference_count;
};

/** Add a reference; copies its texts. */
void stele_registry_entry_add(stele_registry_entry *entry,
                              const stele_registry_reference *reference);

/** Release what it points to, and make it all zero. */
void stele_registry_entry_clear(stele_registry_entry *entry);
STELE_VALUE_SCOPE(stele_registry_entry, stele_registry_entry_clear);

#endif
