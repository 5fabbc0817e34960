/* SPDX-License-Identifier: MIT
 * A target is taken apart before it is decoded, so that an escaped slash stays within its segment.
 */
#include "server/http_request.h"

#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/text.h"

static const struct {
    const char *name;
    stele_http_method method;
} methods[] = {{"GET", STELE_HTTP_GET},
               {"HEAD", STELE_HTTP_GET},
               {"POST", STELE_HTTP_POST},
               {"PUT", STELE_HTTP_PUT},
               {"DELETE", STELE_HTTP_DELETE}};

bool stele_http_method_parse(const char *name, stele_http_method *out)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(name, methods[i].name) != 0) continue;
        *out = methods[i].method;
        return true;
    }
    return false;
}

const char *stele_http_method_name(stele_http_method method)
{
    if (method == STELE_HTTP_GET) return "GET, HEAD";
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].method == method) return methods[i].name;
    }
    return "";
}

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

/* @param path  begins with "/" */
static stele_status parse_path(const char *path, size_t size, stele_http_request *out,
                               stele_error *err)
{
    if (size == 1) return STELE_OK;
    for (size_t at = 0; at < size;) {
        size_t length = strcspn(path + at + 1, "/?");
        if (out->segment_count == STELE_HTTP_SEGMENTS_MAX) {
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT, "the path has too many parts");
        }
        char *segment = decode(path + at + 1, length, false);
        if (segment == NULL) return bad_escape(path, err);
        out->segments[out->segment_count++] = segment;
        at += 1 + length;
    }
    return STELE_OK;
}

static stele_status parse_query(const char *query, stele_http_request *out, stele_error *err)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        size_t name_size = strcspn(query, "=&");
        if (size > 0) {
            if (out->parameter_count == STELE_HTTP_PARAMETERS_MAX) {
                return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                                  "the query has too many parameters");
            }
            size_t value_at = name_size < size ? name_size + 1 : size;
            stele_http_parameter *parameter = &out->parameters[out->parameter_count++];
            parameter->name = decode(query, name_size, true);
            parameter->value = decode(query + value_at, size - value_at, true);
            if (parameter->name == NULL || parameter->value == NULL) return bad_escape(query, err);
        }
        query += size + (query[size] == '&');
    }
    return STELE_OK;
}

stele_status stele_http_request_parse(stele_http_method method, const char *target,
                                      stele_http_request *out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_http_request) request = {.method = method};
    size_t path_size = strcspn(target, "?");
    if (target[0] != '/') {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "a path begins with \"/\"");
    }
    stele_status status = parse_path(target, path_size, &request, err);
    if (status == STELE_OK && target[path_size] == '?')
        status = parse_query(target + path_size + 1, &request, err);
    if (status < 0) return status;
    *out = request;
    request = (stele_http_request){0};
    return STELE_OK;
}

void stele_http_request_clear(stele_http_request *request)
{
    for (size_t i = 0; i < request->segment_count; i++)
        free(request->segments[i]);
    for (size_t i = 0; i < request->parameter_count; i++) {
        free(request->parameters[i].name);
        free(request->parameters[i].value);
    }
    *request = (stele_http_request){0};
}

const char *stele_http_request_parameter(const stele_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) == 0) return request->parameters[i].value;
    }
    return NULL;
}

const char *stele_http_request_field(const stele_http_request *request, const char *name)
{
    return stele_http_field_find(request->fields, request->field_count, name);
}

bool stele_http_request_is_true(const stele_http_request *request, const char *name)
{
    const char *value = stele_http_request_parameter(request, name);
    return value != NULL && strcasecmp(value, "true") == 0;
}
