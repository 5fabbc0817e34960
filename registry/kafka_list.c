/* SPDX-License-Identifier: MIT
 * The `kafka:` registry's answers to those who look, as values that they own. */
#include "core/alloc.h"
#include "registry/entry.h"
#include "registry/kafka_registry.h"
#include "registry/registry_port.h"

stele_status stele_kafka_list_subjects(stele_registry *registry, int timeout_ms, char ***out,
                                       stele_error *err)
{
    const char **names;
    stele_status status =
        stele_kafka_registry_subjects(registry, STELE_REGISTRY_LIVE, timeout_ms, &names, err);
    if (status == STELE_OK) *out = (char **)names;
    return status;
}

stele_status stele_kafka_list_versions(stele_registry *registry, const char *subject,
                                       int timeout_ms, int32_t **out, size_t *count,
                                       stele_error *err)
{
    return stele_kafka_registry_versions(registry, subject, STELE_REGISTRY_LIVE, timeout_ms, out,
                                         count, err);
}

stele_status stele_kafka_find_version(stele_registry *registry, const char *subject,
                                      int32_t version, int timeout_ms, stele_registry_entry *out,
                                      stele_error *err)
{
    stele_registered found;
    stele_status status =
        stele_kafka_registry_version(registry, subject, version, false, timeout_ms, &found, err);
    if (status < 0) return status;
    stele_registry_entry entry = {
        .id = found.id,
        .version = found.version,
        .text = stele_strndup((const char *)found.text.data, found.text.size)};
    for (size_t i = 0; i < found.reference_count; i++) {
        const stele_registry_link *link = &found.references[i];
        stele_registry_reference reference = {link->name, link->subject, link->version};
        stele_registry_entry_add(&entry, &reference);
    }
    *out = entry;
    return STELE_OK;
}

stele_status stele_kafka_find_level(stele_registry *registry, const char *subject, int timeout_ms,
                                    stele_compatibility *out, bool *is_own, stele_error *err)
{
    stele_status status =
        stele_kafka_registry_level(registry, subject, false, timeout_ms, out, err);
    *is_own = status == STELE_OK && subject != NULL;
    if (status != STELE_E_NOT_FOUND) return status;
    return stele_kafka_registry_level(registry, NULL, true, timeout_ms, out, err);
}
