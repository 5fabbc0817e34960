/* SPDX-License-Identifier: MIT
 * Making and releasing entries. */
#include "registry/entry.h"

#include "core/alloc.h"

void stele_registry_entry_add(stele_registry_entry *entry,
                              const stele_registry_reference *reference)
{
    entry->references = stele_realloc_array(entry->references, entry->reference_count + 1,
                                            sizeof *entry->references);
    entry->references[entry->reference_count++] = (stele_registry_reference){
        stele_strdup(reference->name), stele_strdup(reference->subject), reference->version};
}

void stele_registry_entry_clear(stele_registry_entry *entry)
{
    for (size_t i = 0; i < entry->reference_count; i++) {
        free((char *)entry->references[i].name);
        free((char *)entry->references[i].subject);
    }
    free(entry->references);
    free(entry->text);
    *entry = (stele_registry_entry){0};
}
