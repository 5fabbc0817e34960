/* SPDX-License-Identifier: MIT
 * The inside of a client: the handles that the modules above open their objects from. */
#ifndef STELE_REGISTRY_CLIENT_H
#define STELE_REGISTRY_CLIENT_H

#include <stele/client.h>

#include "core/config.h"
#include "core/mailbox.h"
#include "registry/registry.h"

STELE_SCOPE(stele_client, stele_client_close);

/**
 * A client on a log that the caller has: the one in memory, in tests. No environment, no file.
 *
 * @param log       borrowed, must outlive the client
 * @param registry  URL; NULL: "kafka:", on that log
 * @param name      of the application; NULL: "stele"
 * @param out       caller owns; release with stele_client_close
 */
stele_status stele_client_open_on(stele_log *log, const char *registry, const char *name,
                                  stele_client **out, stele_error *err);

/** The same with a configuration. @param overrides  as in stele_config_options; NULL: none */
stele_status stele_client_open_configured(stele_log *log, const char *const *overrides,
                                          const char *registry, const char *name,
                                          stele_client **out, stele_error *err);

/** All borrowed from the client. */
stele_log *stele_client_log(const stele_client *client);
stele_registry *stele_client_registry(const stele_client *client);
/** In which threads that share the client find each other's workers. */
stele_post *stele_client_post(const stele_client *client);
const stele_config *stele_client_config(const stele_client *client);
const char *stele_client_name(const stele_client *client);
/** What this process is called where others see it: worker.instance, or its host and number. */
const char *stele_client_instance(const stele_client *client);

#endif
