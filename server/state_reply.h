/* SPDX-License-Identifier: MIT
 * States as replies: the version is the entity tag (RFC 9110, 8.8.3). */
#ifndef STELE_SERVER_STATE_REPLY_H
#define STELE_SERVER_STATE_REPLY_H

#include <stele/buffer.h>

#include "server/http_reply.h"
#include "server/http_request.h"

/** 404: there is no such aggregate. */
void stele_state_reply_none(stele_http_reply *reply, stele_bytes id);

/** 410: its life has ended. */
void stele_state_reply_finished(stele_http_reply *reply, stele_bytes id, int64_t version);

/** 200, or 304 where the client has that version. @param json  of the state */
void stele_state_reply(const stele_http_request *request, stele_buffer *json, int64_t version,
                       stele_http_reply *reply);

#endif
