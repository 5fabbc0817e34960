/* SPDX-License-Identifier: MIT
 * Heads of requests: the scan for the end, the request line, the fields, and where the body ends.
 */
#include "server/http_head.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"

enum { BAD_REQUEST = 400, URI_TOO_LONG = 414, EXPECTATION_FAILED = 417, HEAD_TOO_LARGE = 431 };
enum { NOT_IMPLEMENTED = 501, VERSION_NOT_SUPPORTED = 505 };

bool stele_http_refuse(stele_http_refusal *out, unsigned code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(out->text, sizeof out->text, format, arguments);
    va_end(arguments);
    out->code = code;
    return false;
}

bool stele_http_is_token_byte(uint8_t byte)
{
    return byte > ' ' && byte < 0x7F && strchr("\"(),/:;<=>?@[\\]{}", byte) == NULL;
}

bool stele_http_is_value_byte(uint8_t byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7F);
}

static bool is_token(stele_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!stele_http_is_token_byte(text.data[i])) return false;
    }
    return text.size > 0;
}

/* ---- the request line ---- */

typedef struct request_line {
    stele_bytes method;
    stele_bytes target;
    int minor; /* of the version 1.x */
} request_line;

/* Up to the next blank, and past it. */
static stele_bytes take_word(stele_bytes *rest)
{
    const uint8_t *blank = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
    stele_bytes word = *rest;
    if (blank != NULL) word.size = (size_t)(blank - rest->data);
    size_t used = word.size + (blank != NULL);
    *rest = stele_bytes_of(rest->data + used, rest->size - used);
    return word;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool parse_version(stele_bytes text, int *minor, stele_http_refusal *refusal)
{
    bool is_version = text.size == 8 && memcmp(text.data, "HTTP/", 5) == 0 &&
                      is_digit(text.data[5]) && text.data[6] == '.' && is_digit(text.data[7]);
    if (!is_version)
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "the request line must be METHOD TARGET HTTP/1.1");
    if (text.data[5] != '1' || text.data[7] > '1')
        return stele_http_refuse(refusal, VERSION_NOT_SUPPORTED,
                                 "this server speaks HTTP/1.1 and HTTP/1.0");
    *minor = text.data[7] - '0';
    return true;
}

static bool parse_request_line(stele_bytes line, request_line *out, stele_http_refusal *refusal)
{
    out->method = take_word(&line);
    out->target = take_word(&line);
    if (!is_token(out->method))
        return stele_http_refuse(refusal, BAD_REQUEST, "the method is not a token");
    if (!parse_version(line, &out->minor, refusal)) return false;
    if (out->target.size == 0)
        return stele_http_refuse(refusal, BAD_REQUEST, "the request line has no target");
    for (size_t i = 0; i < out->target.size; i++) {
        uint8_t byte = out->target.data[i];
        if (byte <= ' ' || byte >= 0x7F || byte == '#')
            return stele_http_refuse(refusal, BAD_REQUEST,
                                     "the target has a byte 0x%02x that must be percent-encoded",
                                     byte);
    }
    return true;
}

/* ---- the scan ---- */

static stele_bytes part(stele_bytes input, size_t from, size_t to)
{
    return stele_bytes_of(input.data + from, to - from);
}

/* The line that ends at the two bytes before scan->at. */
static stele_http_progress end_line(stele_http_scan *scan, stele_bytes input,
                                    stele_http_refusal *refusal)
{
    stele_bytes line = part(input, scan->line, scan->at - 2);
    scan->line = scan->at;
    if (scan->line_count == 0 && line.size == 0) {
        /* One empty line before a request is passed over (RFC 9112 §2.2). */
        if (scan->first == 0) {
            scan->first = scan->at;
            return STELE_HTTP_MORE;
        }
        stele_http_refuse(refusal, BAD_REQUEST, "empty lines instead of a request");
        return STELE_HTTP_REFUSED;
    }
    scan->line_count++;
    if (line.size == 0) return STELE_HTTP_HEAD;
    request_line ignored;
    if (scan->line_count == 1 && !parse_request_line(line, &ignored, refusal))
        return STELE_HTTP_REFUSED;
    return STELE_HTTP_MORE;
}

static bool check_byte(const stele_http_scan *scan, uint8_t byte, stele_http_refusal *refusal)
{
    if (scan->after_return != (byte == '\n'))
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "a line must end with carriage return and line feed");
    if (byte != '\r' && byte != '\n' && !stele_http_is_value_byte(byte))
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "a control character (0x%02x) in the request's head", byte);
    if (scan->line_count == 0 && scan->at - scan->line >= STELE_HTTP_LINE_MAX)
        return stele_http_refuse(refusal, URI_TOO_LONG, "the request line is longer than %d bytes",
                                 STELE_HTTP_LINE_MAX);
    if (scan->at - scan->first >= STELE_HTTP_HEAD_MAX)
        return stele_http_refuse(refusal, HEAD_TOO_LARGE,
                                 "the request's head is larger than %d bytes", STELE_HTTP_HEAD_MAX);
    return true;
}

stele_http_progress stele_http_scan_on(stele_http_scan *scan, stele_bytes input,
                                       stele_http_refusal *refusal)
{
    while (scan->at < input.size) {
        uint8_t byte = input.data[scan->at];
        if (!check_byte(scan, byte, refusal)) return STELE_HTTP_REFUSED;
        scan->at++;
        scan->after_return = byte == '\r';
        if (byte != '\n') continue;
        stele_http_progress progress = end_line(scan, input, refusal);
        if (progress != STELE_HTTP_MORE) return progress;
    }
    return STELE_HTTP_MORE;
}

/* ---- fields ---- */

const char *stele_http_field_find(const stele_http_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(fields[i].name, name) == 0) return fields[i].value;
    }
    return NULL;
}

const char *stele_http_head_field(const stele_http_head *head, const char *name)
{
    return stele_http_field_find(head->fields, head->field_count, name);
}

/* Those of which a second one would be read by one server and overlooked by another. */
static bool is_single(const char *name)
{
    static const char *const names[] = {"Host",          "Content-Length",      "Transfer-Encoding",
                                        "Expect",        "Content-Encoding",    "Content-Type",
                                        "Origin",        "Sec-Fetch-Site",      "If-Match",
                                        "If-None-Match", "Idempotency-Key",     "Traceparent",
                                        "Authorization", "Stele-Correlation-Id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* @param line  NUL-terminated, within the head's text */
static bool parse_field(char *line, stele_http_head *head, stele_http_refusal *refusal)
{
    if (line[0] == ' ' || line[0] == '\t')
        return stele_http_refuse(refusal, BAD_REQUEST, "a header field is folded over two lines");
    size_t name_size = strcspn(line, ":");
    if (line[name_size] == '\0' || !is_token(stele_bytes_of(line, name_size)))
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "a header field must be NAME: VALUE, with "
                                 "nothing between the name and the colon");
    line[name_size] = '\0';
    if (head->field_count == STELE_HTTP_FIELDS_MAX)
        return stele_http_refuse(refusal, HEAD_TOO_LARGE, "more than %d header fields",
                                 STELE_HTTP_FIELDS_MAX);
    if (is_single(line) && stele_http_head_field(head, line) != NULL)
        return stele_http_refuse(refusal, BAD_REQUEST, "the header field %s comes twice", line);
    char *value = line + name_size + 1 + strspn(line + name_size + 1, " \t");
    size_t size = strlen(value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    value[size] = '\0';
    head->fields[head->field_count++] = (stele_http_field){line, value};
    return true;
}

/* Does a list like "close, TE" have this item? */
static bool has_item(const char *list, const char *item)
{
    size_t size = strlen(item);
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t length = strcspn(list, ", \t");
        if (length == size && strncasecmp(list, item, size) == 0) return true;
        list += length;
    }
    return false;
}

/* ---- where it goes to ---- */

/* HOST or HOST:PORT, with no user before it. */
static bool is_authority(const char *text, size_t size)
{
    size_t host = 0;
    if (size > 0 && text[0] == '[') {
        while (host < size && text[host] != ']')
            host++;
        if (host == size || host < 3 || strspn(text + 1, "0123456789abcdefABCDEF:.") != host - 1)
            return false;
        host++;
    } else {
        while (host < size && (stele_http_is_token_byte((uint8_t)text[host])))
            host++;
    }
    if (host == 0) return false;
    if (host == size) return true;
    if (text[host++] != ':') return false;
    for (; host < size; host++) {
        if (!is_digit((uint8_t)text[host])) return false;
    }
    return true;
}

/* "http://HOST/PATH" names its own host; that of the Host field does not count then (RFC 9112
 * §3.2.2). */
static bool split_target(const char *target, stele_http_head *head, stele_http_refusal *refusal)
{
    static const char scheme[] = "http://";
    if (target[0] == '/') {
        head->target = stele_strdup(target);
        return true;
    }
    if (strncasecmp(target, scheme, sizeof scheme - 1) != 0)
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "the target must be a path like /subjects or an http:// URL");
    const char *host = target + sizeof scheme - 1;
    size_t size = strcspn(host, "/?");
    if (!is_authority(host, size))
        return stele_http_refuse(refusal, BAD_REQUEST, "the target has no valid HOST:PORT");
    head->host = stele_strndup(host, size);
    head->target = stele_strdup_format("%s%s", host[size] == '/' ? "" : "/", host + size);
    return true;
}

static bool find_host(stele_http_head *head, int minor, stele_http_refusal *refusal)
{
    const char *host = stele_http_head_field(head, "Host");
    if (host == NULL && minor > 0)
        return stele_http_refuse(refusal, BAD_REQUEST, "HTTP/1.1 requires a Host field");
    if (host != NULL && !is_authority(host, strlen(host)))
        return stele_http_refuse(refusal, BAD_REQUEST, "the Host field is not HOST or HOST:PORT");
    if (head->host == NULL) head->host = stele_strdup(host);
    return true;
}

/* ---- where the body ends ---- */

static bool find_length(const char *text, stele_http_head *head, stele_http_refusal *refusal)
{
    int64_t length = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0')
        return stele_http_refuse(refusal, BAD_REQUEST, "Content-Length must be digits");
    if (stele_parse_int64(stele_text(text), 0, INT64_MAX, &length, NULL) < 0) length = INT64_MAX;
    head->framing = length == 0 ? STELE_HTTP_NO_BODY : STELE_HTTP_LENGTH;
    head->length = (uint64_t)length;
    return true;
}

static bool ends_chunked(const char *codings)
{
    static const char name[] = "chunked";
    size_t size = strlen(codings);
    if (size < sizeof name - 1) return false;
    const char *last = codings + size - (sizeof name - 1);
    return strcasecmp(last, name) == 0 && (last == codings || strchr(", \t", last[-1]) != NULL);
}

static bool find_framing(stele_http_head *head, int minor, stele_http_refusal *refusal)
{
    const char *length = stele_http_head_field(head, "Content-Length");
    const char *coding = stele_http_head_field(head, "Transfer-Encoding");
    if (coding == NULL) return length == NULL || find_length(length, head, refusal);
    if (length != NULL)
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "Content-Length and Transfer-Encoding exclude each other");
    if (minor == 0)
        return stele_http_refuse(refusal, BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
    if (!ends_chunked(coding))
        return stele_http_refuse(refusal, BAD_REQUEST,
                                 "the last Transfer-Encoding must be chunked");
    if (strcasecmp(coding, "chunked") != 0)
        return stele_http_refuse(refusal, NOT_IMPLEMENTED,
                                 "no Transfer-Encoding but chunked is supported");
    head->framing = STELE_HTTP_CHUNKED;
    return true;
}

/* ---- all of it ---- */

/* The next line, its end replaced by NUL; `*at` moves behind it. */
static char *take_line(char *text, size_t *at)
{
    char *line = text + *at;
    size_t size = strcspn(line, "\r");
    line[size] = '\0';
    *at += size + 2;
    return line;
}

static bool parse_fields(char *text, size_t at, stele_http_head *head, stele_http_refusal *refusal)
{
    for (char *line = take_line(text, &at); line[0] != '\0'; line = take_line(text, &at)) {
        if (!parse_field(line, head, refusal)) return false;
    }
    return true;
}

static bool judge_fields(stele_http_head *head, int minor, stele_http_refusal *refusal)
{
    const char *expect = stele_http_head_field(head, "Expect");
    if (!find_host(head, minor, refusal) || !find_framing(head, minor, refusal)) return false;
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        return stele_http_refuse(refusal, EXPECTATION_FAILED,
                                 "no expectation but 100-continue can be met");
    head->expects_continue = expect != NULL && minor > 0 && head->framing != STELE_HTTP_NO_BODY;
    head->takes_chunks = minor > 0;
    head->keeps_alive = minor > 0 && !has_item(stele_http_head_field(head, "Connection"), "close");
    return true;
}

bool stele_http_head_parse(stele_bytes input, stele_http_head *out, stele_http_refusal *refusal)
{
    STELE_AUTO_VALUE(stele_http_head) head = {0};
    request_line line = {0};
    head.text = stele_strndup((const char *)input.data, input.size);
    size_t at = 0;
    char *first = take_line(head.text, &at);
    if (!parse_request_line(stele_text(first), &line, refusal)) return false;
    first[line.method.size] = '\0';
    head.method = first;
    char *target = first + line.method.size + 1;
    target[line.target.size] = '\0';
    if (!split_target(target, &head, refusal) || !parse_fields(head.text, at, &head, refusal) ||
        !judge_fields(&head, line.minor, refusal))
        return false;
    *out = head;
    head = (stele_http_head){0};
    return true;
}

void stele_http_head_clear(stele_http_head *head)
{
    free(head->text);
    free(head->target);
    free(head->host);
    *head = (stele_http_head){0};
}
