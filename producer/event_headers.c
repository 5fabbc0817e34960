/* SPDX-License-Identifier: MIT
 * The headers of an event: names from CloudEvents 1.0, Kafka protocol binding, binary mode. */
#include "producer/event_headers.h"

#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"

enum { OPTION_MAX = 1024, ID_MAX = 1024 };

static void add(stele_written_headers *out, const char *name, stele_bytes value)
{
    out->headers[out->count++] = (stele_header){name, value};
}

static void add_given(stele_written_headers *out, const char *name, stele_bytes value)
{
    if (value.data != NULL) add(out, name, value);
}

static void add_version(stele_written_headers *out, int64_t version)
{
    char *at = out->version + sizeof out->version;
    for (int64_t left = version; left > 0; left /= 10)
        *--at = (char)('0' + left % 10);
    add(out, "ce_aggregateversion",
        stele_bytes_of(at, (size_t)(out->version + sizeof out->version - at)));
}

static void add_cloudevent(const stele_written_event *event, stele_written_headers *out)
{
    stele_format_timestamp(event->time_ms, STELE_TIME_MILLIS, out->time);
    add(out, "ce_specversion", stele_bytes_of("1.0", 3));
    add(out, "ce_source", stele_text(event->source));
    add(out, "ce_type", stele_text(event->type->name));
    add(out, "ce_subject", event->subject);
    add(out, "ce_time", stele_text(out->time));
    add(out, "content-type", stele_text("application/avro"));
}

void stele_written_headers_make(const stele_written_event *event, stele_written_headers *out)
{
    out->count = 0;
    stele_uuid_format(event->id, out->id);
    add(out, "ce_id", stele_bytes_of(out->id, STELE_UUID_TEXT_SIZE));
    if (event->version > 0) add_version(out, event->version);
    if (event->source != NULL) add_cloudevent(event, out);
    add_given(out, "ce_correlationid", event->correlation);
    add_given(out, "ce_causationid", event->causation);
    add_given(out, "traceparent", event->traceparent);
}

/* CloudEvents 1.0, "Type System": a string without control characters; optional ones not empty. */
static stele_status check_text(const char *name, const char *text, stele_error *err)
{
    if (text == NULL) return STELE_OK;
    size_t size = strnlen(text, OPTION_MAX + 1);
    bool is_fine =
        size > 0 && size <= OPTION_MAX && stele_utf8_is_valid(stele_bytes_of(text, size));
    for (size_t i = 0; i < size; i++)
        is_fine = is_fine && (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    if (is_fine) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s: 1 to %d bytes of UTF-8 without control characters", name, OPTION_MAX);
}

/* version-traceid-parentid-flags in lower-case hexadecimal (3.2.2). Of what was made for a newer
 * version the beginning is as here (3.2.4). */
bool stele_traceparent_is_valid(const char *text)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    size_t size = sizeof form - 1;
    if (strnlen(text, OPTION_MAX + 1) > OPTION_MAX) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_hex = text[i] != '\0' && strchr("0123456789abcdef", text[i]) != NULL;
        if (form[i] == 'h' ? !is_hex : text[i] != '-') return false;
    }
    bool is_first = strncmp(text, "00", 2) == 0;
    return strncmp(text, "ff", 2) != 0 && (text[size] == '\0' || (!is_first && text[size] == '-'));
}

static stele_status check_traceparent(const char *text, stele_error *err)
{
    if (text == NULL) return STELE_OK;
    stele_status status = check_text("traceparent", text, err);
    if (status < 0 || stele_traceparent_is_valid(text)) return status;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "traceparent %s: not as in 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context)",
                      stele_quote(stele_text(text)).text);
}

stele_status stele_publish_options_check(const stele_publish_options *options, stele_error *err)
{
    stele_status status;
    if ((status = check_text("correlation_id", options->correlation_id, err)) < 0) return status;
    if ((status = check_text("causation_id", options->causation_id, err)) < 0) return status;
    if (options->event_id != NULL) {
        stele_uuid id;
        status = stele_uuid_parse(stele_text(options->event_id), &id, NULL);
        if (status < 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "event_id %s: not a UUID, 8-4-4-4-12 hexadecimal digits",
                              stele_quote(stele_text(options->event_id)).text);
    }
    return check_traceparent(options->traceparent, err);
}

stele_status stele_aggregate_id_check(stele_bytes id, stele_error *err)
{
    if (id.size == 0 || id.size > ID_MAX || !stele_utf8_is_valid(id))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the aggregate id %s is not 1 to %d bytes of UTF-8", stele_quote(id).text,
                          ID_MAX);
    if (stele_id_is_reserved(id))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "aggregate id %s: the beginning " STELE_RESERVED_PREFIX " is reserved",
                          stele_quote(id).text);
    return STELE_OK;
}

/* RFC 3986, "Unreserved Characters". */
static bool is_unreserved(unsigned char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') ||
           (character != '\0' && strchr("-._~", character) != NULL);
}

char *stele_event_source(const char *name)
{
    STELE_AUTO_VALUE(stele_buffer) source = {0};
    stele_buffer_format(&source, "/stele/");
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        if (is_unreserved(*at)) {
            stele_buffer_push(&source, *at);
        } else {
            stele_buffer_format(&source, "%%%02X", *at);
        }
    }
    return stele_strdup(stele_buffer_text(&source));
}
