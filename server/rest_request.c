/* SPDX-License-Identifier: MIT
 * Taking a target apart comes before decoding, so that an escaped slash stays within its segment.
 */
#include "server/rest_request.h"

#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* @return NULL: it is not valid */
static char *decode(const char *text, size_t size, bool plus_is_blank)
{
    char *decoded = stele_alloc(size + 1);
    size_t used = 0;
    bool ok = true;
    for (size_t i = 0; i < size && ok; i++) {
        char c = text[i];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 1 < size ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < size ? hex_digit(text[i + 2]) : -1;
            ok = high >= 0 && low >= 0 && high + low > 0;
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[used++] = c;
    }
    if (ok && stele_utf8_is_valid(stele_bytes_of(decoded, used))) return decoded;
    free(decoded);
    return NULL;
}

static stele_status bad_escape(const char *target, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not percent-encoded UTF-8",
                      stele_quote(stele_text(target)).text);
}

static stele_status parse_path(const char *path, size_t size, stele_rest_request *out,
                               stele_error *err)
{
    for (size_t at = 0; at < size;) {
        if (path[at] == '/') {
            at++;
            continue;
        }
        size_t length = strcspn(path + at, "/?");
        if (out->segment_count == STELE_REST_SEGMENTS_MAX) {
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT, "the path has too many parts");
        }
        char *segment = decode(path + at, length, false);
        if (segment == NULL) return bad_escape(path, err);
        out->segments[out->segment_count++] = segment;
        at += length;
    }
    return STELE_OK;
}

static stele_status parse_query(const char *query, stele_rest_request *out, stele_error *err)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        size_t name_size = strcspn(query, "=&");
        if (size > 0) {
            if (out->parameter_count == STELE_REST_PARAMETERS_MAX) {
                return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                                  "the query has too many parameters");
            }
            size_t value_at = name_size < size ? name_size + 1 : size;
            stele_rest_parameter *parameter = &out->parameters[out->parameter_count++];
            parameter->name = decode(query, name_size, true);
            parameter->value = decode(query + value_at, size - value_at, true);
            if (parameter->name == NULL || parameter->value == NULL) return bad_escape(query, err);
        }
        query += size + (query[size] == '&');
    }
    return STELE_OK;
}

stele_status stele_rest_request_parse(stele_rest_method method, const char *target,
                                      stele_rest_request *out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_rest_request) request = {.method = method};
    size_t path_size = strcspn(target, "?");
    stele_status status = parse_path(target, path_size, &request, err);
    if (status == STELE_OK && target[path_size] == '?')
        status = parse_query(target + path_size + 1, &request, err);
    if (status < 0) return status;
    *out = request;
    request = (stele_rest_request){0};
    return STELE_OK;
}

void stele_rest_request_clear(stele_rest_request *request)
{
    for (size_t i = 0; i < request->segment_count; i++)
        free(request->segments[i]);
    for (size_t i = 0; i < request->parameter_count; i++) {
        free(request->parameters[i].name);
        free(request->parameters[i].value);
    }
    *request = (stele_rest_request){0};
}

const char *stele_rest_parameter_of(const stele_rest_request *request, const char *name)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) == 0) return request->parameters[i].value;
    }
    return NULL;
}

bool stele_rest_is_true(const stele_rest_request *request, const char *name)
{
    const char *value = stele_rest_parameter_of(request, name);
    return value != NULL && (strcmp(value, "true") == 0 || strcmp(value, "True") == 0);
}
