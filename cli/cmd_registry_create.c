/* SPDX-License-Identifier: MIT
 * `registry create`: begin the registry in Kafka. The first publish does it by itself, but not
 * where events of another registry are. */
#include "cli/cmd.h"

#include <string.h>

#include "core/config.h"
#include "registry/client.h"
#include "registry/kafka_registry.h"

stele_exit stele_cmd_registry_create(stele_cli *cli, const stele_arguments *arguments)
{
    stele_client *client = stele_cli_client(cli);
    if (client == NULL) return STELE_EXIT_FAILED;
    const char *url = stele_config_text(stele_client_config(client), "registry", NULL, "url");
    if (strcmp(url, "kafka:") != 0)
        return stele_cli_fail(cli, STELE_EXIT_FAILED,
                              "registry create makes a kafka: registry, and [registry] url is %s",
                              url);
    char genesis[37];
    stele_error err;
    if (stele_kafka_registry_create(stele_client_registry(client),
                                    stele_arguments_flag(arguments, "despite-events"),
                                    cli->timeout_ms, genesis, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    if (cli->json)
        fprintf(cli->out, "{\"genesis\":\"%s\"}\n", genesis);
    else
        fprintf(cli->out, "created the registry %s\n", genesis);
    return STELE_EXIT_DONE;
}
