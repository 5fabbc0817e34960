/* SPDX-License-Identifier: MIT
 * `snapshots delete`: the states of one version of a projection, and its rows in status. */

#include "cli/cmd.h"
#include "cli/status_rows.h"
#include "consumer/served.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

stele_exit stele_cmd_snapshots_delete(stele_cli *cli, const stele_arguments *arguments)
{
    const char *asked = stele_arguments_operand(arguments, 0);
    stele_projection_name name;
    if (!stele_projection_group_parse(stele_text(asked), &name))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "snapshots delete: %s has no version; say which one, as in %s.v1",
                              asked, asked);
    STELE_AUTO(char)
    projection = stele_strndup((const char *)name.projection.data, name.projection.size);
    STELE_AUTO(char) topic = stele_snapshots_topic(projection, name.version);
    STELE_AUTO(char) group = stele_projection_group(projection, name.version);
    if (!stele_arguments_flag(arguments, "yes"))
        return stele_cli_fail(
            cli, STELE_EXIT_USAGE,
            "snapshots delete: %s would be gone, and a worker would have to replay "
            "the whole log; confirm with --yes",
            topic);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    STELE_AUTO_VALUE(stele_status_rows) rows = {0};
    stele_error err = {0};
    if (stele_status_rows_find(cli, group, NULL, &rows, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (rows.living_count > 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "%s: stop its workers first, and wait 15 s if they were killed",
                              rows.living);
    stele_log *log = stele_client_log(client);
    stele_served served;
    stele_status status = stele_served_read(
        log, projection, stele_deadline_after(stele_log_clock(log), cli->timeout_ms), &served,
        &err);
    if (status < 0) return stele_cli_fail_error(cli, &err);
    if (served.version == name.version)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "readers of %s have version %d: `switch` to another one first",
                              projection, name.version);
    status = stele_log_topic_delete(log, topic, cli->timeout_ms, &err);
    if (status < 0 && (status != STELE_E_NOT_FOUND || rows.count == 0))
        return stele_cli_fail_error(cli, &err);
    if (status == STELE_OK) stele_cli_print(cli->err, "deleted %s", topic);
    STELE_AUTO(char) control = stele_control_topic(group);
    status = stele_log_topic_delete(log, control, cli->timeout_ms, &err);
    if (status < 0 && status != STELE_E_NOT_FOUND) return stele_cli_fail_error(cli, &err);
    if (status == STELE_OK) stele_cli_print(cli->err, "deleted %s", control);
    return stele_status_rows_drop(cli, &rows);
}
