/* SPDX-License-Identifier: MIT
 * A listening TCP socket, non-blocking, from text: "127.0.0.1:8081", "[::1]:8081", "localhost:0".
 */
#ifndef STELE_SERVER_LISTEN_H
#define STELE_SERVER_LISTEN_H

#include <stdbool.h>

#include <stele/error.h>

typedef struct stele_listener {
    int socket;
    bool is_loopback;  /* only programs of this machine reach it */
    char address[128]; /* "127.0.0.1:8081", with the port that it really has */
} stele_listener;

/**
 * Listen.
 *
 * @param out  caller owns out->socket; close()
 * @return STELE_E_INVALID  the text is not HOST:PORT (next = STOP)
 *         STELE_E_EXISTS   the port is taken (next = STOP)
 *         STELE_E_UNAVAILABLE  the host is not one of this machine, or the like (next = STOP)
 */
stele_status stele_listen(const char *text, stele_listener *out, stele_error *err);

#endif
