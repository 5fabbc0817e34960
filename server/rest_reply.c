/* SPDX-License-Identifier: MIT
 * Replies, and what failures are called in the Confluent API. */
#include "server/rest_reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/alloc.h"
#include "core/message.h"
#include "registry/kafka_registry.h"

enum { STORE_FAILED = 50001, STORE_TIMED_OUT = 50002 };

void stele_rest_reply_clear(stele_rest_reply *reply)
{
    free(reply->body);
    *reply = (stele_rest_reply){0};
}

void stele_rest_reply_json(stele_rest_reply *reply, json_t *json)
{
    stele_rest_reply_clear(reply);
    reply->code = 200;
    reply->body = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (reply->body == NULL) stele_out_of_memory(0);
}

void stele_rest_reply_text(stele_rest_reply *reply, const char *text, size_t size)
{
    stele_rest_reply_clear(reply);
    reply->code = 200;
    reply->body = stele_strndup(text, size);
}

void stele_rest_reply_error(stele_rest_reply *reply, int error_code, const char *format, ...)
{
    char message[2 * STELE_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(message, sizeof message, format, arguments);
    va_end(arguments);

    json_t *text = json_string(message); /* NULL: cut within a character */
    if (text == NULL) text = json_string("(not UTF-8)");
    stele_rest_reply_json(reply,
                          json_pack("{s:i, s:o}", "error_code", error_code, "message", text));
    reply->code = (unsigned)(error_code >= 1000 ? error_code / 100 : error_code);
}

static int code_of(const stele_error *err)
{
    bool is_api = err->cause == STELE_API_INCOMPATIBLE ||
                  (err->cause >= STELE_API_NO_SUBJECT && err->cause < STORE_FAILED);
    switch (err->status) {
    case STELE_E_TIMED_OUT:
        return STORE_TIMED_OUT;
    case STELE_E_NOT_FOUND:
    case STELE_E_INCOMPATIBLE:
    case STELE_E_INVALID:
    case STELE_E_LIMIT:
        if (is_api) return err->cause;
        return err->next == STELE_NEXT_REJECT ? STELE_API_BAD_SCHEMA : STORE_FAILED;
    default:
        return STORE_FAILED;
    }
}

void stele_rest_reply_failure(stele_rest_reply *reply, const stele_error *err)
{
    stele_rest_reply_error(reply, code_of(err), "%s", err->text);
}
