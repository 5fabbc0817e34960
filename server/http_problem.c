/* SPDX-License-Identifier: MIT
 * Problem details. */
#include "server/http_problem.h"

#include <ctype.h>
#include <stdarg.h>

#include "core/alloc.h"
#include "core/message.h"

/* NULL where it is cut within a character, or never was UTF-8. */
static json_t *text_of(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_string("(not UTF-8)");
}

void stele_http_problem(stele_http_reply *reply, unsigned status, const char *code,
                        const char *format, ...)
{
    char detail[2 * STELE_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(detail, sizeof detail, format, arguments);
    va_end(arguments);
    stele_http_reply_json(reply, json_pack("{s:i, s:s, s:s, s:o}", "status", (int)status, "title",
                                           stele_http_phrase(status), "code", code, "detail",
                                           text_of(detail)));
    reply->code = status;
    reply->content_type = "application/problem+json";
}

void stele_http_problem_add(stele_http_reply *reply, const char *name, json_t *value)
{
    STELE_AUTO(json_t) problem = json_loads(reply->body, 0, NULL);
    json_object_set_new(problem, name, value);
    free(reply->body);
    reply->body = json_dumps(problem, JSON_COMPACT);
    if (reply->body == NULL) stele_out_of_memory(0);
}

/* Of what the status says; the reader would like to know what to do. */
static const char *explain(unsigned code)
{
    if (code == 404) return "there is nothing at this path: /openapi.json says what there is";
    if (code == 405) return "this path does not take the method: Allow has those that it takes";
    return stele_http_phrase(code);
}

void stele_http_problem_refuse(stele_http_reply *reply, const stele_http_refusal *refusal)
{
    char code[64];
    snprintf(code, sizeof code, "%s", stele_http_phrase(refusal->code));
    for (char *at = code; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : (char)tolower((unsigned char)*at);
    stele_http_problem(reply, refusal->code, code, "%s",
                       refusal->text[0] != '\0' ? refusal->text : explain(refusal->code));
}
