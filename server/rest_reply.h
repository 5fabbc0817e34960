/* SPDX-License-Identifier: MIT
 * A reply of the REST API: a status code and JSON. */
#ifndef STELE_SERVER_REST_REPLY_H
#define STELE_SERVER_REST_REPLY_H

#include <jansson.h>

#include <stele/error.h>

#include "core/scope.h"

STELE_SCOPE(json_t, json_decref);

/** Owns its body; all zero is valid. Release with stele_rest_reply_clear. */
typedef struct stele_rest_reply {
    unsigned code; /* HTTP status */
    char *body;    /* JSON; by malloc */
} stele_rest_reply;

void stele_rest_reply_clear(stele_rest_reply *reply);
STELE_VALUE_SCOPE(stele_rest_reply, stele_rest_reply_clear);

/** 200 with this JSON. @param json  taken over */
void stele_rest_reply_json(stele_rest_reply *reply, json_t *json);

/** 200 with this text, which is JSON already. */
void stele_rest_reply_text(stele_rest_reply *reply, const char *text, size_t size);

/** {"error_code": …, "message": …}; the HTTP status is `error_code`, or its first three digits. */
void stele_rest_reply_error(stele_rest_reply *reply, int error_code, const char *format, ...)
    STELE_PRINTF(3, 4);

/** What a call of the registry failed with, in the codes of the Confluent API. */
void stele_rest_reply_failure(stele_rest_reply *reply, const stele_error *err);

#endif
