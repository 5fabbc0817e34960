/* SPDX-License-Identifier: MIT
 * Replies, as JSON and as bytes. */
#include "server/http_reply.h"

#include <stdarg.h>
#include <time.h>

#include "core/alloc.h"
#include "core/message.h"
#include "server/http_request.h"

enum { NOT_MODIFIED = 304 };

void stele_http_reply_clear(stele_http_reply *reply)
{
    free(reply->body);
    stele_buffer_clear(&reply->fields);
    stele_http_stream_leave(reply->stream);
    *reply = (stele_http_reply){0};
}

void stele_http_reply_json(stele_http_reply *reply, json_t *json)
{
    stele_http_reply_clear(reply);
    reply->code = 200;
    reply->body = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (reply->body == NULL) stele_out_of_memory(0);
}

void stele_http_reply_text(stele_http_reply *reply, const char *text, size_t size)
{
    stele_http_reply_clear(reply);
    reply->code = 200;
    reply->body = stele_strndup(text, size);
}

void stele_http_reply_stream(stele_http_reply *reply, stele_http_stream *stream)
{
    stele_http_reply_clear(reply);
    reply->code = 200;
    reply->stream = stream;
}

void stele_http_reply_field(stele_http_reply *reply, const char *name, const char *value, ...)
{
    va_list arguments;
    va_start(arguments, value);
    STELE_AUTO(char) text = stele_strdup_vformat(value, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) {
        if (!stele_http_is_value_byte((uint8_t)*at)) *at = '?';
    }
    stele_buffer_format(&reply->fields, "%s: %s\r\n", name, text);
}

void stele_http_reply_error(stele_http_reply *reply, int error_code, const char *format, ...)
{
    char message[2 * STELE_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(message, sizeof message, format, arguments);
    va_end(arguments);

    json_t *text = json_string(message); /* NULL: cut within a character */
    if (text == NULL) text = json_string("(not UTF-8)");
    stele_http_reply_json(reply,
                          json_pack("{s:i, s:o}", "error_code", error_code, "message", text));
    reply->code = (unsigned)(error_code >= 1000 ? error_code / 100 : error_code);
}

void stele_http_reply_refuse(stele_http_reply *reply, const stele_http_refusal *refusal)
{
    if (refusal->text[0] == '\0')
        stele_http_reply_error(reply, (int)refusal->code, "HTTP %u %s", refusal->code,
                               stele_http_phrase(refusal->code));
    else
        stele_http_reply_error(reply, (int)refusal->code, "%s", refusal->text);
}

const char *stele_http_phrase(unsigned code)
{
    static const struct {
        unsigned code;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].code == code) return phrases[i].phrase;
    }
    return "";
}

static void write_date(int64_t now_s, stele_buffer *out)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)now_s;
    struct tm parts = {0};
    gmtime_r(&now, &parts);
    stele_buffer_format(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                        days + parts.tm_wday * 3, parts.tm_mday, months + parts.tm_mon * 3,
                        parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static void write_allowed(unsigned allowed, stele_buffer *out)
{
    const char *separator = "Allow: ";
    for (unsigned method = STELE_HTTP_GET; method <= STELE_HTTP_DELETE; method <<= 1) {
        if ((allowed & method) == 0) continue;
        stele_buffer_format(out, "%s%s", separator, stele_http_method_name(method));
        separator = ", ";
    }
    stele_buffer_format(out, "\r\n");
}

static void write_content(const stele_http_reply *reply, const stele_http_sending *sending,
                          size_t size, stele_buffer *out)
{
    if (reply->stream != NULL) {
        stele_buffer_format(out, "Content-Type: %s\r\n%s",
                            stele_http_stream_content_type(reply->stream),
                            sending->is_chunked ? "Transfer-Encoding: chunked\r\n" : "");
        return;
    }
    const char *type = reply->content_type != NULL ? reply->content_type : sending->content_type;
    stele_buffer_format(out,
                        "Content-Type: %s\r\nContent-Length: %zu\r\n"
                        "X-Content-Type-Options: nosniff\r\n",
                        type == NULL ? "application/json" : type, size);
}

void stele_http_reply_write(const stele_http_reply *reply, const stele_http_sending *sending,
                            stele_buffer *out)
{
    stele_bytes body = stele_text(reply->body == NULL ? "" : reply->body);
    stele_buffer_format(out, "HTTP/1.1 %u %s\r\n", reply->code, stele_http_phrase(reply->code));
    write_date(sending->now_s, out);
    if (reply->code != NOT_MODIFIED) write_content(reply, sending, body.size, out);
    stele_buffer_append(out, stele_text("Cache-Control: no-store\r\n"));
    stele_buffer_append(out, stele_buffer_view(&reply->fields));
    if (reply->allowed != 0) write_allowed(reply->allowed, out);
    if (reply->retry_after_s > 0)
        stele_buffer_format(out, "Retry-After: %d\r\n", reply->retry_after_s);
    stele_buffer_format(out, "%s\r\n", sending->closes ? "Connection: close\r\n" : "");
    if (!sending->head_only && reply->code != NOT_MODIFIED) stele_buffer_append(out, body);
}
