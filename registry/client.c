/* SPDX-License-Identifier: MIT
 * A client: the configuration, and the log and the registry that it names. */
#include "registry/client.h"

#include <unistd.h>

#include "core/alloc.h"

extern char **environ; /* of POSIX; no header declares it */

struct stele_client {
    stele_config *config;
    stele_log *log;
    bool owns_log;
    stele_post *post;
    stele_registry *registry;
    char *name;
    char *instance;
};

void stele_client_close(stele_client *client)
{
    if (client == NULL) return;
    stele_post_free(client->post);
    stele_registry_close(client->registry);
    if (client->owns_log) stele_log_free(client->log);
    stele_config_free(client->config);
    free(client->name);
    free(client->instance);
    free(client);
}

static char *instance_name(const stele_config *config)
{
    const char *name = stele_config_text(config, "worker", NULL, "instance");
    if (name != NULL) return stele_strdup(name);
    char host[64] = "worker";
    if (gethostname(host, sizeof host - 1) != 0) memcpy(host, "worker", sizeof "worker");
    return stele_strdup_format("%s-%ld", host, (long)getpid());
}

static stele_status open_log(const stele_config *config, const char *name, stele_log **out,
                             stele_error *err)
{
    size_t count;
    const stele_config_pair *pairs = stele_config_kafka(config, &count);
    stele_log_setting *settings = stele_alloc_array(count + 1, sizeof *settings);
    bool is_named = false;
    for (size_t i = 0; i < count; i++) {
        settings[i] = (stele_log_setting){pairs[i].key, pairs[i].value, pairs[i].origin};
        is_named = is_named || strcmp(pairs[i].key, "client.id") == 0;
    }
    if (!is_named) settings[count++] = (stele_log_setting){.name = "client.id", .value = name};
    stele_status status = stele_log_kafka_new(settings, count, out, err);
    free(settings);
    return status;
}

static stele_status open_registry(stele_client *client, const char *url, stele_error *err)
{
    const stele_config *config = client->config;
    stele_registry_options options = {
        .url = url,
        .log = client->log,
        .timeout_ms = (int)stele_config_int(config, "registry", NULL, "timeout_ms"),
        .replication = (int)stele_config_int(config, "registry", NULL, "replication"),
        .user = stele_config_text(config, "registry", NULL, "user"),
        .password = stele_config_text(config, "registry", NULL, "password"),
        .token = stele_config_text(config, "registry", NULL, "token"),
        .ca_file = stele_config_text(config, "registry", NULL, "ca_file"),
        .certificate_file = stele_config_text(config, "registry", NULL, "certificate_file"),
        .key_file = stele_config_text(config, "registry", NULL, "key_file")};
    return stele_registry_open(&options, &client->registry, err);
}

stele_status stele_client_open(const stele_client_options *options, stele_client **out,
                               stele_error *err)
{
    static const stele_client_options none = {0};
    if (options == NULL) options = &none;
    stele_config_options config = {.file = options->config_file,
                                   .overrides = options->overrides,
                                   .environment = (const char *const *)environ};
    STELE_AUTO(stele_client) client = stele_alloc(sizeof *client);
    stele_status status;
    client->name = stele_strdup(options->name == NULL ? "stele" : options->name);
    client->owns_log = true;
    if ((status = stele_config_load(&config, &client->config, err)) < 0) return status;
    client->instance = instance_name(client->config);
    if ((status = open_log(client->config, client->name, &client->log, err)) < 0) return status;
    client->post = stele_post_new(stele_log_runtime(client->log));
    const char *url = stele_config_text(client->config, "registry", NULL, "url");
    if ((status = open_registry(client, url, err)) < 0) return status;
    *out = client;
    client = NULL;
    return STELE_OK;
}

stele_status stele_client_open_on(stele_log *log, const char *registry, const char *name,
                                  stele_client **out, stele_error *err)
{
    return stele_client_open_configured(log, NULL, registry, name, out, err);
}

stele_status stele_client_open_configured(stele_log *log, const char *const *overrides,
                                          const char *registry, const char *name,
                                          stele_client **out, stele_error *err)
{
    stele_config_options config = {.overrides = overrides};
    STELE_AUTO(stele_client) client = stele_alloc(sizeof *client);
    stele_status status;
    client->name = stele_strdup(name == NULL ? "stele" : name);
    client->log = log;
    client->post = stele_post_new(stele_log_runtime(log));
    if ((status = stele_config_load(&config, &client->config, err)) < 0) return status;
    client->instance = instance_name(client->config);
    if ((status = open_registry(client, registry, err)) < 0) return status;
    *out = client;
    client = NULL;
    return STELE_OK;
}

stele_log *stele_client_log(const stele_client *client)
{
    return client->log;
}

stele_registry *stele_client_registry(const stele_client *client)
{
    return client->registry;
}

stele_post *stele_client_post(const stele_client *client)
{
    return client->post;
}

const stele_config *stele_client_config(const stele_client *client)
{
    return client->config;
}

const char *stele_client_name(const stele_client *client)
{
    return client->name;
}

const char *stele_client_instance(const stele_client *client)
{
    return client->instance;
}
