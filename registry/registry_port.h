/* SPDX-License-Identifier: MIT
 * The inside of the registry port: what an implementation provides. Included by implementations and
 * by registry.c, which forwards; everybody else includes registry/registry.h. */
#ifndef STELE_REGISTRY_REGISTRY_PORT_H
#define STELE_REGISTRY_REGISTRY_PORT_H

#include "registry/registry.h"

typedef struct stele_registry_ops {
    void (*close)(stele_registry *registry);
    stele_status (*schema)(stele_registry *registry, int32_t id, int timeout_ms, stele_schema **out,
                           stele_error *err);
    stele_status (*register_schema)(stele_registry *registry, const char *subject, stele_bytes text,
                                    const stele_registry_reference *references, size_t count,
                                    int timeout_ms, int32_t *id, stele_error *err);
    stele_status (*genesis)(stele_registry *registry, int timeout_ms, char out[37],
                            stele_error *err);
    /* Both NULL: it has no genesis, so it cannot be told from another one. */
    stele_status (*check)(stele_registry *registry, stele_error *err);
    stele_status (*confirm)(stele_registry *registry, int timeout_ms, stele_error *err);
    stele_status (*subjects)(stele_registry *registry, int timeout_ms, char ***out,
                             stele_error *err);
    stele_status (*versions)(stele_registry *registry, const char *subject, int timeout_ms,
                             int32_t **out, size_t *count, stele_error *err);
    stele_status (*version)(stele_registry *registry, const char *subject, int32_t version,
                            int timeout_ms, stele_registry_entry *out, stele_error *err);
    /* Both NULL: this kind of registry has no levels. */
    stele_status (*level)(stele_registry *registry, const char *subject, int timeout_ms,
                          stele_compatibility *out, bool *is_own, stele_error *err);
    stele_status (*set_level)(stele_registry *registry, const char *subject,
                              const stele_compatibility *level, int timeout_ms, stele_error *err);
} stele_registry_ops;

/* Every implementation begins with it. */
struct stele_registry {
    const stele_registry_ops *ops;
    stele_runtime runtime;
    struct stele_registry_bell *bell; /* of stele_registry_open; NULL: no one can listen */
};

/** For an implementation: something came that a caller may wait for. Holding none of its locks. */
void stele_registry_tell(stele_registry *registry);

/** The runtime for a registry of these options. */
static inline stele_runtime stele_registry_options_runtime(const stele_registry_options *options)
{
    return options->log == NULL ? stele_runtime_system() : stele_log_runtime(options->log);
}

/** Each opens the kind of registry that options->url has been found to name. */
stele_status stele_dir_registry_open(const stele_registry_options *options, stele_registry **out,
                                     stele_error *err);
stele_status stele_kafka_registry_open(const stele_registry_options *options, stele_registry **out,
                                       stele_error *err);
stele_status stele_http_registry_open(const stele_registry_options *options, stele_registry **out,
                                      stele_error *err);

/** The `kafka:` registry's part of listing. */
stele_status stele_kafka_list_subjects(stele_registry *registry, int timeout_ms, char ***out,
                                       stele_error *err);
stele_status stele_kafka_list_versions(stele_registry *registry, const char *subject,
                                       int timeout_ms, int32_t **out, size_t *count,
                                       stele_error *err);
stele_status stele_kafka_find_version(stele_registry *registry, const char *subject,
                                      int32_t version, int timeout_ms, stele_registry_entry *out,
                                      stele_error *err);
stele_status stele_kafka_find_level(stele_registry *registry, const char *subject, int timeout_ms,
                                    stele_compatibility *out, bool *is_own, stele_error *err);

#endif
