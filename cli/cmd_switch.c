/* SPDX-License-Identifier: MIT
 * `switch`: readers of a projection have another version of it from now on. Both go on. */
#include "cli/cmd.h"

#include "cli/control.h"
#include "consumer/served_switch.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

static stele_exit say(stele_cli *cli, const stele_switch_options *asked,
                      const stele_switch_outcome *outcome)
{
    if (!cli->json) {
        stele_cli_print(cli->out, "%s is %sserved by version %d", asked->projection,
                        outcome->was_already ? "already " : "", asked->version);
        if (!outcome->has_http)
            stele_cli_print(cli->err,
                            "no worker of %s has http.listen: it is `wait`, `pause`, `resume` and "
                            "`reset` that mean this version now, and whoever reads a table of "
                            "its own goes there",
                            asked->projection);
        return STELE_EXIT_DONE;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"projection\":"));
    stele_show_json(&line, stele_text(asked->projection));
    stele_buffer_format(&line, ",\"version\":%d", asked->version);
    if (outcome->before > 0) stele_buffer_format(&line, ",\"before\":%d", outcome->before);
    stele_buffer_push(&line, '}');
    stele_cli_print_json(cli->out, stele_buffer_view(&line));
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_switch(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(stele_control) control = {.cli = cli};
    const char *name = stele_arguments_operand(arguments, 0);
    const char *number = stele_arguments_operand(arguments, 1);
    int64_t version = 0;
    stele_projection_name parsed;
    if (stele_projection_group_parse(stele_text(name), &parsed))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "switch: %s has a version: say the name, and then the version that "
                              "readers are to have",
                              stele_quote(stele_text(name)).text);
    if (stele_parse_int64(stele_text(number), 1, INT32_MAX, &version, NULL) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "switch: %s is no version, such as 2",
                              stele_quote(stele_text(number)).text);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    stele_error err = {0};
    STELE_AUTO(char) group = stele_projection_group(name, (int)version);
    if (stele_control_find(cli, group, &control, &err) < 0) return stele_cli_fail_error(cli, &err);
    const stele_switch_options options = {.projection = name,
                                          .version = (int)version,
                                          .of = stele_control_catch_up(&control),
                                          .replication = control.replication,
                                          .takes_parked =
                                              stele_arguments_flag(arguments, "with-parked"),
                                          .timeout_ms = cli->timeout_ms,
                                          .stop = cli->stop};
    stele_switch_outcome outcome;
    if (stele_served_switch(&options, &outcome, &err) < 0) return stele_cli_fail_error(cli, &err);
    return say(cli, &options, &outcome);
}
