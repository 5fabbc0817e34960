/* SPDX-License-Identifier: MIT
 * The headers of an event: names from CloudEvents 1.0, Kafka protocol binding, binary mode. */
#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "producer/publisher_inside.h"

enum { OPTION_MAX = 1024 };

static void add(stele_event_headers *out, const char *name, stele_bytes value)
{
    out->headers[out->count++] = (stele_header){name, value};
}

static void add_cloudevent(const stele_publisher *publisher, const stele_pending *pending,
                           const stele_pending_parts *parts, stele_event_headers *out)
{
    const stele_published_type *published = pending->type_entry;
    stele_format_timestamp(pending->timestamp_ms, STELE_TIME_MILLIS, out->time);
    add(out, "ce_specversion", stele_bytes_of("1.0", 3));
    add(out, "ce_source", stele_text(publisher->source));
    add(out, "ce_type", stele_text(published->type->name));
    add(out, "ce_subject", parts->key);
    add(out, "ce_time", stele_text(out->time));
    add(out, "content-type", stele_text("application/avro"));
}

void stele_event_headers_make(const stele_publisher *publisher, const stele_pending *pending,
                              stele_event_headers *out)
{
    stele_pending_parts parts = stele_pending_view(pending);
    out->count = 0;
    stele_uuid_format(&pending->id, out->id);
    add(out, "ce_id", stele_bytes_of(out->id, STELE_UUID_TEXT_SIZE));
    if (publisher->options.headers == STELE_HEADERS_CLOUDEVENTS)
        add_cloudevent(publisher, pending, &parts, out);
    if (parts.correlation.data != NULL) add(out, "ce_correlationid", parts.correlation);
    if (parts.causation.data != NULL) add(out, "ce_causationid", parts.causation);
    if (parts.traceparent.data != NULL) add(out, "traceparent", parts.traceparent);
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

/* W3C Trace Context, 3.2.2: version-traceid-parentid-flags in lower-case hexadecimal. */
static stele_status check_traceparent(const char *text, stele_error *err)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (text == NULL) return STELE_OK;
    size_t at = 0;
    while (at < sizeof form - 1 && text[at] != '\0') {
        bool is_hex = strchr("0123456789abcdef", text[at]) != NULL;
        if (form[at] == 'h' ? !is_hex : text[at] != '-') break;
        at++;
    }
    if (at == sizeof form - 1 && text[at] == '\0') return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "traceparent %s: not as in 00-<32 hex>-<16 hex>-<2 hex> (W3C Trace Context)",
                      stele_quote(stele_text(text)).text);
}

stele_status stele_event_headers_check(const stele_publish_options *options, stele_error *err)
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
