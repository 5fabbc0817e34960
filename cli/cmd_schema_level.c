/* SPDX-License-Identifier: MIT
 * `schema level`: what a registry checks new versions of a subject for. */
#include "cli/cmd.h"

#include <string.h>

#include "core/text.h"
#include "core/alloc.h"
#include "registry/client.h"

/* The word that takes a level back. */
#define BACK "default"

static stele_exit print_level(stele_cli *cli, stele_registry *registry, const char *subject)
{
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_compatibility level;
    bool is_own;
    stele_error err = {0};
    if (stele_registry_level(registry, subject, cli->timeout_ms, &level, &is_own, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    const char *name = stele_compatibility_name(level);
    bool is_default = subject != NULL && !is_own;
    if (!cli->json) {
        fprintf(cli->out, "%s%s\n", name, is_default ? " (the default)" : "");
        return STELE_EXIT_DONE;
    }
    stele_buffer_format(&line, "{\"subject\":");
    if (subject == NULL) {
        stele_buffer_format(&line, "null");
    } else {
        stele_show_json(&line, stele_text(subject));
    }
    fprintf(cli->out, "%s,\"level\":\"%s\",\"default\":%s}\n", stele_buffer_text(&line), name,
            is_own ? "false" : "true");
    return STELE_EXIT_DONE;
}

stele_exit stele_cmd_schema_level(stele_cli *cli, const stele_arguments *arguments)
{
    bool of_all = stele_arguments_flag(arguments, "default");
    const char *subject = of_all ? NULL : stele_arguments_operand(arguments, 0);
    const char *wanted = stele_arguments_operand(arguments, of_all ? 0 : 1);
    if (of_all && stele_arguments_operand(arguments, 1) != NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "schema level: --default is the level of all subjects without one of "
                              "their own; leave the SUBJECT out");
    if (!of_all && subject == NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "schema level: expected a SUBJECT, or --default");

    stele_compatibility level;
    stele_error err = {0};
    bool is_back = wanted != NULL && strcmp(wanted, BACK) == 0;
    if (wanted != NULL && !is_back &&
        stele_compatibility_parse(stele_text(wanted), &level, &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "schema level: %s; or " BACK ", which takes "
                              "it back",
                              err.text);
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    stele_registry *registry = stele_client_registry(client);
    if (wanted != NULL && stele_registry_set_level(registry, subject, is_back ? NULL : &level,
                                                   cli->timeout_ms, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return print_level(cli, registry, subject);
}
