/* SPDX-License-Identifier: MIT
 * Where a Redis is, as a text. */
#ifndef STELE_STORES_REDIS_ADDRESS_H
#define STELE_STORES_REDIS_ADDRESS_H

#include <stele/error.h>

#include "core/scope.h"

/** All zero is an empty one; release with redis_address_clear. */
typedef struct redis_address {
    char *host;
    int port;
    int database;
    char *user;     /* NULL: none is named */
    char *password; /* NULL: none is named */
} redis_address;

void redis_address_clear(redis_address *address);
STELE_VALUE_SCOPE(redis_address, redis_address_clear);

/**
 * @param text  "HOST:PORT/DB" or "//USER:PASSWORD@HOST:PORT/DB"
 * @param out   all zero; caller clears
 * @return STELE_E_INVALID  it is none; the text has nothing of it that may be secret (next = STOP)
 */
stele_status redis_address_parse(const char *text, redis_address *out, stele_error *err);

#endif
