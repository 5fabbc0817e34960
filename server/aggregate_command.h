/* SPDX-License-Identifier: MIT
 * A command, as an HTTP request has it: the path says of which aggregate and which command, the
 * body is its JSON in the plain form, header fields say what goes with it. Pure: no one is asked.
 */
#ifndef STELE_SERVER_AGGREGATE_COMMAND_H
#define STELE_SERVER_AGGREGATE_COMMAND_H

#include <stele/writer.h>

#include "core/scope.h"
#include "server/http_reply.h"
#include "server/http_request.h"

/** Owns what the call points to, but for what is the request's or the aggregate's. */
typedef struct stele_aggregate_command {
    stele_call call;
    stele_arena *arena; /* of call.command and call.events */
    char *command_id;
} stele_aggregate_command;

void stele_aggregate_command_clear(stele_aggregate_command *command);
STELE_VALUE_SCOPE(stele_aggregate_command, stele_aggregate_command_clear);

/**
 * Read the command of POST /aggregates/{type}/{id}/commands/{Command}.
 *
 *     If-Match: "7"              the aggregate must have 7 events; "0": none
 *     If-None-Match: *           it must have none
 *     Idempotency-Key: TEXT      the command's id, also in double quotes
 *     Stele-Correlation-Id: TEXT
 *     traceparent: …             W3C Trace Context; what is none is passed over, as it says
 *
 * @param aggregate  whose `type` is the request's
 * @param request    borrowed for as long as the command is used
 * @param out        caller owns
 * @param reply      filled if it is none: 400, 404 or 415
 */
bool stele_aggregate_command_read(const stele_aggregate *aggregate,
                                  const stele_http_request *request, stele_aggregate_command *out,
                                  stele_http_reply *reply);

/**
 * Read the events of POST /aggregates/{type}/{id}/events, for instances among themselves: a list of
 * {"type", "data"}, with the header fields of a command.
 */
bool stele_aggregate_append_read(const stele_aggregate *aggregate,
                                 const stele_http_request *request, stele_aggregate_command *out,
                                 stele_http_reply *reply);

/** Either of them. */
typedef bool stele_aggregate_command_reader(const stele_aggregate *aggregate,
                                            const stele_http_request *request,
                                            stele_aggregate_command *out, stele_http_reply *reply);

/** An entity tag, or a version as such: `"7"`, `7`. @return false: it is none */
bool stele_aggregate_version_parse(const char *text, int64_t *out);

#endif
