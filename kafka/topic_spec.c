/* SPDX-License-Identifier: MIT
 * Topics made to a specification, and compared with it. */
#include "kafka/topic_spec.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { SETTINGS_MAX = 8 };

stele_status stele_topic_create(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                                stele_error *err)
{
    assert(spec->setting_count <= SETTINGS_MAX);
    stele_header settings[SETTINGS_MAX];
    for (size_t i = 0; i < spec->setting_count; i++)
        settings[i] = (stele_header){spec->settings[i].name, stele_text(spec->settings[i].value)};
    stele_log_topic_options options = {.name = spec->name,
                                       .partitions = spec->partitions,
                                       .replication = spec->replication,
                                       .settings = settings,
                                       .setting_count = spec->setting_count};
    return stele_log_topic_create(log, &options, timeout_ms, err);
}

static bool is_as_wanted(const stele_topic_setting *wanted, const char *value)
{
    int64_t least, found;
    if (strcmp(wanted->value, value) == 0) return true;
    return wanted->at_least &&
           stele_parse_int64(stele_text(wanted->value), 0, INT64_MAX, &least, NULL) == STELE_OK &&
           stele_parse_int64(stele_text(value), least, INT64_MAX, &found, NULL) == STELE_OK;
}

stele_status stele_topic_compare(stele_log *log, const char *topic,
                                 const stele_topic_setting *wanted, int timeout_ms, char **out,
                                 stele_error *err)
{
    STELE_AUTO(char) value = NULL;
    stele_status status =
        stele_log_topic_setting(log, topic, wanted->name, timeout_ms, &value, err);
    if (status < 0) return status;
    *out = NULL;
    if (is_as_wanted(wanted, value)) return STELE_OK;
    *out = value;
    value = NULL;
    return STELE_OK;
}

stele_status stele_topic_check(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                               stele_error *err)
{
    for (size_t i = 0; i < spec->setting_count; i++) {
        const stele_topic_setting *wanted = &spec->settings[i];
        if (wanted->danger == NULL) continue;
        STELE_AUTO(char) found = NULL;
        stele_status status = stele_topic_compare(log, spec->name, wanted, timeout_ms, &found, err);
        if (status < 0) return status;
        if (found == NULL) continue;
        return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                          "%s has %s=%s: %s; kafka-configs --alter --topic %s --add-config %s=%s",
                          spec->name, wanted->name, found, wanted->danger, spec->name, wanted->name,
                          wanted->value);
    }
    return STELE_OK;
}

stele_status stele_topic_ensure(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                                stele_log_topic *out, stele_error *err)
{
    stele_error own;
    if (err == NULL) err = &own;
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(log, spec->name, timeout_ms, &topic, err);
    if (status == STELE_E_NOT_FOUND) {
        status = stele_topic_create(log, spec, timeout_ms, err);
        if (status < 0 && status != STELE_E_EXISTS) return status;
        status = stele_log_topic_describe(log, spec->name, timeout_ms, &topic, err);
        if (status == STELE_E_NOT_FOUND) err->next = STELE_NEXT_RETRY; /* on its way */
    }
    if (status < 0) return status;
    if ((status = stele_topic_check(log, spec, timeout_ms, err)) < 0) return status;
    *out = topic;
    return STELE_OK;
}
