/* SPDX-License-Identifier: MIT
 * The REST API of server/rest.h on a socket, with libmicrohttpd. There is no authentication: by
 * default it listens on this machine only, and web pages are refused. */
#ifndef STELE_SERVER_REGISTRY_SERVER_H
#define STELE_SERVER_REGISTRY_SERVER_H

#include "core/logger.h"
#include "registry/registry.h"

enum {
    STELE_SERVER_BODY_MAX = 2 << 20,   /* bytes: a schema of 1 MB, escaped */
    STELE_SERVER_CONNECTIONS_MAX = 64, /* each has a thread; more wait to be accepted */
    STELE_SERVER_IDLE_S = 30
};

typedef struct stele_registry_server stele_registry_server;

typedef struct stele_registry_server_options {
    const char *listen;         /* NULL: "127.0.0.1:8081"; port 0: any that is free */
    stele_registry *registry;   /* of kind `kafka:`; borrowed, must outlive the server */
    const stele_logger *logger; /* NULL: says nothing; borrowed likewise */
} stele_registry_server_options;

/**
 * Start to serve; threads of its own answer.
 *
 * @param out  caller owns; release with stele_registry_server_close
 * @return what stele_listen does
 */
stele_status stele_registry_server_open(const stele_registry_server_options *options,
                                        stele_registry_server **out, stele_error *err);

/** Accept nothing more, answer what has been asked, then release it. Waits up to `timeout_ms`. */
void stele_registry_server_close(stele_registry_server *server, int timeout_ms);

/** Where it listens: "127.0.0.1:8081". Borrowed. */
const char *stele_registry_server_address(const stele_registry_server *server);

/** Can others than this machine reach it? */
bool stele_registry_server_is_local(const stele_registry_server *server);

/** Is a request being answered at this moment? */
bool stele_registry_server_is_busy(stele_registry_server *server);

#endif
