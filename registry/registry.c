/* SPDX-License-Identifier: MIT
 * The registry port: which implementation a URL names, and the calls forwarded to it. */
#include "registry/registry.h"

#include "core/alloc.h"
#include "core/monitor.h"
#include "core/text.h"
#include "registry/registry_port.h"

/* Who is told that something came. */
typedef struct stele_registry_bell {
    stele_monitor monitor;
    stele_registry_listener *listeners;
} bell;

static bell *bell_new(stele_runtime runtime)
{
    bell *made = stele_alloc(sizeof *made);
    stele_monitor_init(&made->monitor, runtime);
    return made;
}

static void bell_free(bell *told)
{
    if (told == NULL) return;
    stele_monitor_clear(&told->monitor);
    free(told);
}

typedef stele_status open_registry(const stele_registry_options *options, stele_registry **out,
                                   stele_error *err);

static const struct {
    const char *prefix;
    open_registry *open;
} kinds[] = {{"kafka:", stele_kafka_registry_open},
             {"dir:", stele_dir_registry_open},
             {"http://", stele_http_registry_open},
             {"https://", stele_http_registry_open}};

stele_status stele_registry_open(const stele_registry_options *options, stele_registry **out,
                                 stele_error *err)
{
    stele_registry_options given = *options;
    if (given.url == NULL) given.url = "kafka:";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(given.url, kinds[i].prefix, strlen(kinds[i].prefix)) != 0) continue;
        stele_status status = kinds[i].open(&given, out, err);
        if (status == STELE_OK) (*out)->bell = bell_new((*out)->runtime);
        return status;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "registry %s: there are kafka:, http(s)://HOST and dir:PATH",
                      stele_quote(stele_text(given.url)).text);
}

void stele_registry_close(stele_registry *registry)
{
    if (registry == NULL) return;
    bell *told = registry->bell;
    registry->ops->close(registry); /* its threads may tell until they have ended */
    bell_free(told);
}

/* ---- listeners ---- */

void stele_registry_listen(stele_registry *registry, stele_registry_listener *listener)
{
    bell *told = registry->bell;
    if (told == NULL) return;
    stele_monitor_lock(&told->monitor);
    listener->next = told->listeners;
    told->listeners = listener;
    stele_monitor_unlock(&told->monitor);
}

void stele_registry_unlisten(stele_registry *registry, stele_registry_listener *listener)
{
    bell *told = registry->bell;
    if (told == NULL) return;
    stele_monitor_lock(&told->monitor);
    stele_registry_listener **at = &told->listeners;
    while (*at != NULL && *at != listener)
        at = &(*at)->next;
    if (*at != NULL) *at = listener->next;
    stele_monitor_unlock(&told->monitor);
}

void stele_registry_tell(stele_registry *registry)
{
    bell *told = registry->bell;
    if (told == NULL) return;
    stele_monitor_lock(&told->monitor);
    for (stele_registry_listener *each = told->listeners; each != NULL; each = each->next)
        each->news(each->context);
    stele_monitor_unlock(&told->monitor);
}

/* ---- forwarded ---- */

stele_runtime stele_registry_runtime(const stele_registry *registry)
{
    return registry->runtime;
}

stele_status stele_registry_schema(stele_registry *registry, int32_t id, int timeout_ms,
                                   stele_schema **out, stele_error *err)
{
    return registry->ops->schema(registry, id, timeout_ms, out, err);
}

stele_status stele_registry_register(stele_registry *registry, const char *subject,
                                     stele_bytes text, const stele_registry_reference *references,
                                     size_t count, int timeout_ms, int32_t *id, stele_error *err)
{
    return registry->ops->register_schema(registry, subject, text, references, count, timeout_ms,
                                          id, err);
}

stele_status stele_registry_check(stele_registry *registry, stele_error *err)
{
    return registry->ops->check == NULL ? STELE_OK : registry->ops->check(registry, err);
}

stele_status stele_registry_confirm(stele_registry *registry, int timeout_ms, stele_error *err)
{
    return registry->ops->confirm == NULL ? STELE_OK
                                          : registry->ops->confirm(registry, timeout_ms, err);
}

stele_status stele_registry_genesis(stele_registry *registry, int timeout_ms, char out[37],
                                    stele_error *err)
{
    return registry->ops->genesis(registry, timeout_ms, out, err);
}

stele_status stele_registry_subjects(stele_registry *registry, int timeout_ms, char ***out,
                                     stele_error *err)
{
    return registry->ops->subjects(registry, timeout_ms, out, err);
}

stele_status stele_registry_versions(stele_registry *registry, const char *subject, int timeout_ms,
                                     int32_t **out, size_t *count, stele_error *err)
{
    return registry->ops->versions(registry, subject, timeout_ms, out, count, err);
}

stele_status stele_registry_version(stele_registry *registry, const char *subject, int32_t version,
                                    int timeout_ms, stele_registry_entry *out, stele_error *err)
{
    return registry->ops->version(registry, subject, version, timeout_ms, out, err);
}

static stele_status no_levels(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "a folder of schemas (dir:) has no compatibility levels; compare versions "
                      "with `stele schema check`");
}

stele_status stele_registry_level(stele_registry *registry, const char *subject, int timeout_ms,
                                  stele_compatibility *out, bool *is_own, stele_error *err)
{
    bool unused;
    if (registry->ops->level == NULL) return no_levels(err);
    return registry->ops->level(registry, subject, timeout_ms, out,
                                is_own == NULL ? &unused : is_own, err);
}

stele_status stele_registry_set_level(stele_registry *registry, const char *subject,
                                      const stele_compatibility *level, int timeout_ms,
                                      stele_error *err)
{
    if (registry->ops->set_level == NULL) return no_levels(err);
    return registry->ops->set_level(registry, subject, level, timeout_ms, err);
}

char *stele_registry_subject(const char *topic, const char *record_name)
{
    return stele_strdup_format("%s-%s", topic, record_name);
}
