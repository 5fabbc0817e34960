/* SPDX-License-Identifier: MIT
 * Requests as commands. The first line is what is asked for, a target behind POST; lines up to an
 * empty one are header fields; the rest is the body. Whatever comes, it is a call that a writer can
 * be given, or it has its answer. */
#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/remembered.h"
#include "core/alloc.h"
#include "core/text.h"
#include "server/aggregate_command.h"
#include "tests/aggregates/account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 8 };

static void must(bool is_so)
{
    if (!is_so) abort();
}

/* The next line, its end replaced by NUL. */
static char *take_line(char **rest)
{
    char *line = *rest;
    size_t size = strcspn(line, "\n");
    *rest += size + (line[size] != '\0');
    line[size] = '\0';
    return line;
}

static size_t take_fields(char **rest, stele_http_field *fields)
{
    size_t count = 0;
    for (char *line = take_line(rest); *line != '\0'; line = take_line(rest)) {
        char *colon = strstr(line, ": ");
        if (colon == NULL || count == FIELDS_MAX) continue;
        *colon = '\0';
        for (char *at = colon + 2; *at != '\0'; at++) /* what the server lets through */
            if (!stele_http_is_value_byte((uint8_t)*at)) *at = '?';
        fields[count++] = (stele_http_field){line, colon + 2};
    }
    return count;
}

static void check_call(const stele_aggregate *aggregate, const stele_call *call)
{
    size_t index;
    STELE_AUTO_VALUE(stele_buffer) encoded = {0};
    stele_error err = {0};
    must(stele_aggregate_find_command(aggregate, call->type, &index));
    must(call->expected_version >= STELE_EXPECT_NEW);
    must(call->command_id == NULL ||
         (call->command_id[0] != '\0' && strlen(call->command_id) <= STELE_COMMAND_ID_MAX &&
          stele_utf8_is_valid(stele_text(call->command_id))));
    must(call->traceparent == NULL || strlen(call->traceparent) >= 55);
    must(stele_encode(call->type, call->command, &encoded, &err) == STELE_OK);
}

static void check_problem(const stele_http_reply *reply)
{
    STELE_AUTO(json_t) problem = json_loads(reply->body, 0, NULL);
    must(reply->code == 400 || reply->code == 404 || reply->code == 415);
    must(json_is_string(json_object_get(problem, "code")));
    must(json_is_string(json_object_get(problem, "detail")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stele_aggregate aggregate = account_table(NULL);
    STELE_AUTO(char) text = stele_strndup((const char *)data, size);
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    STELE_AUTO_VALUE(stele_aggregate_command) command = {0};
    stele_http_field fields[FIELDS_MAX];
    char *rest = text;
    const char *target = take_line(&rest);
    if (stele_http_request_parse(STELE_HTTP_POST, target, &request, NULL) < 0 ||
        request.segment_count != 5)
        return 0;
    request.field_count = take_fields(&rest, fields);
    request.fields = fields;
    request.body = stele_bytes_of(rest, size - (size_t)(rest - text));
    if (stele_aggregate_command_read(&aggregate, &request, &command, &reply))
        check_call(&aggregate, &command.call);
    else
        check_problem(&reply);
    return 0;
}
