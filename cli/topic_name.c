/* SPDX-License-Identifier: MIT
 * An aggregate's name is tried first. */
#include "cli/topic_name.h"

#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

void stele_cli_topic_clear(stele_cli_topic *topic)
{
    free(topic->name);
    *topic = (stele_cli_topic){0};
}

static stele_status find(stele_cli *cli, char *name, stele_cli_topic *out, stele_error *err)
{
    stele_log_topic found;
    stele_status status =
        stele_log_topic_describe(stele_client_log(cli->client), name, cli->timeout_ms, &found, err);
    if (status < 0) {
        free(name);
        return status;
    }
    *out = (stele_cli_topic){name, found.partitions};
    return STELE_OK;
}

stele_status stele_cli_find_topic(stele_cli *cli, const char *name, stele_cli_topic *out,
                                  stele_error *err)
{
    stele_bytes aggregate;
    if (stele_events_topic_parse(name, &aggregate)) {
        stele_status status = find(cli, stele_strdup(name), out, err);
        if (status != STELE_E_NOT_FOUND) return status;
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "there is no topic %s: %s topics create %.*s makes it", name,
                          cli->app->name, (int)aggregate.size, (const char *)aggregate.data);
    }
    stele_status status = find(cli, stele_events_topic(name), out, err);
    if (status == STELE_E_NOT_FOUND) status = find(cli, stele_strdup(name), out, err);
    if (status != STELE_E_NOT_FOUND) return status;
    return stele_fail(err, status, STELE_NEXT_STOP,
                      "there is no topic %s.events, and none called %s: %s topics create %s makes "
                      "the first",
                      name, name, cli->app->name, name);
}
