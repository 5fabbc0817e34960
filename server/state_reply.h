/* SPDX-License-Identifier: MIT
 * States as replies. Of an aggregate the version is the entity tag (RFC 9110, 8.8.3), as commands
 * take it: "7". Of a projection its own version is in it, too, for another one makes another state
 * of the same events: "v2-7". */
#ifndef STELE_SERVER_STATE_REPLY_H
#define STELE_SERVER_STATE_REPLY_H

#include <stele/buffer.h>

#include "server/http_reply.h"
#include "server/http_request.h"

/** 404: there is no such aggregate. */
void stele_state_reply_none(stele_http_reply *reply, stele_bytes id);

/** 410: its life has ended. @param projection  its version; 0: it is an aggregate */
void stele_state_reply_finished(int projection, stele_bytes id, int64_t version,
                                stele_http_reply *reply);

/** 200, or 304 where the client has that one. @param json  of the state */
void stele_state_reply(const stele_http_request *request, int projection, stele_buffer *json,
                       int64_t version, stele_http_reply *reply);

#endif
