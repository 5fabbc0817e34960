/* SPDX-License-Identifier: MIT
 * The list of brokers to begin with: what is taken, and what to write instead of the rest. */
#include "kafka/brokers.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/text.h"

enum { PORT_MAX = 65535, HOST_MAX = 253 };

static stele_bytes trim(stele_bytes text)
{
    while (text.size > 0 && isspace(text.data[0]))
        text = stele_bytes_of(text.data + 1, text.size - 1);
    while (text.size > 0 && isspace(text.data[text.size - 1]))
        text.size--;
    return text;
}

static const uint8_t *find(stele_bytes text, char wanted)
{
    return text.size == 0 ? NULL : memchr(text.data, wanted, text.size);
}

static stele_status fail(stele_bytes part, const char *why, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s is no broker: %s; expected host:port, separated by commas, as "
                      "kafka1:9092,kafka2:9092",
                      stele_quote(part).text, why);
}

/* "ssl://" before the host. @param rest  what is behind it */
static stele_status take_protocol(stele_bytes part, const char *protocol, stele_bytes *rest,
                                  stele_error *err)
{
    static const char *const known[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
    const uint8_t *colon = find(part, ':');
    *rest = part;
    if (colon == NULL || part.data + part.size - colon < 3 || memcmp(colon, "://", 3) != 0)
        return STELE_OK;
    size_t size = (size_t)(colon - part.data);
    *rest = stele_bytes_of(colon + 3, part.size - size - 3);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i]) != size || strncasecmp((const char *)part.data, known[i], size) != 0)
            continue;
        if (strcasecmp(protocol, known[i]) == 0) return STELE_OK;
        return fail(part, "its protocol is not the one of security.protocol; leave it away", err);
    }
    return fail(part, "Kafka speaks no such protocol; leave it away, and set security.protocol",
                err);
}

static bool is_name(stele_bytes host)
{
    for (size_t i = 0; i < host.size; i++)
        if (!isalnum(host.data[i]) && strchr("-._", host.data[i]) == NULL) return false;
    return host.size > 0 && host.size <= HOST_MAX && host.data[0] != '.' && host.data[0] != '-';
}

static bool is_address(stele_bytes host)
{
    size_t colons = 0;
    for (size_t i = 0; i < host.size; i++) {
        colons += host.data[i] == ':';
        if (!isxdigit(host.data[i]) && strchr(":.", host.data[i]) == NULL) return false;
    }
    return colons >= 2;
}

static stele_status check_port(stele_bytes part, stele_bytes port, stele_error *err)
{
    int64_t number;
    bool is_digits = port.size > 0;
    for (size_t i = 0; i < port.size; i++)
        is_digits = is_digits && isdigit(port.data[i]);
    if (!is_digits || stele_parse_int64(port, 1, PORT_MAX, &number, NULL) < 0)
        return fail(part, "a port is a number from 1 to 65535", err);
    return STELE_OK;
}

/* [address]:port, where the port may be left away. */
static stele_status check_bracketed(stele_bytes part, stele_bytes rest, stele_error *err)
{
    const uint8_t *end = find(rest, ']');
    if (end == NULL) return fail(part, "the bracket is not closed", err);
    if (!is_address(stele_bytes_of(rest.data + 1, (size_t)(end - rest.data - 1))))
        return fail(part, "in brackets is an IPv6 address", err);
    stele_bytes behind = stele_bytes_of(end + 1, (size_t)(rest.data + rest.size - end - 1));
    if (behind.size == 0) return STELE_OK;
    if (behind.data[0] != ':') return fail(part, "behind the bracket is a colon and a port", err);
    return check_port(part, stele_bytes_of(behind.data + 1, behind.size - 1), err);
}

static stele_status check_part(stele_bytes part, stele_bytes rest, stele_error *err)
{
    if (part.size == 0) return fail(part, "a part of the list is empty", err);
    if (find(rest, '/') != NULL) return fail(part, "a broker has no path", err);
    if (find(rest, '@') != NULL)
        return fail(part, "a user is set by sasl.username and sasl.password", err);
    if (rest.size > 0 && rest.data[0] == '[') return check_bracketed(part, rest, err);
    if (is_address(rest)) return fail(part, "an IPv6 address is in brackets, as [::1]:9092", err);

    const uint8_t *colon = find(rest, ':');
    stele_bytes host =
        stele_bytes_of(rest.data, colon == NULL ? rest.size : (size_t)(colon - rest.data));
    if (host.size == 0) return fail(part, "it has no host", err);
    if (!is_name(host))
        return fail(part, "a host has letters, digits, dots, hyphens and underscores", err);
    if (colon == NULL) return STELE_OK;
    return check_port(part, stele_bytes_of(colon + 1, rest.size - host.size - 1), err);
}

stele_status stele_brokers_parse(const char *text, const char *protocol, stele_buffer *out,
                                 stele_error *err)
{
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        stele_bytes rest;
        stele_bytes part = trim(stele_bytes_of(at, size));
        stele_status status;
        if ((status = take_protocol(part, protocol, &rest, err)) < 0) return status;
        if ((status = check_part(part, rest, err)) < 0) return status;
        if (at != text) stele_buffer_push(out, ',');
        stele_buffer_append(out, rest);
        at += size;
        if (*at == '\0') return STELE_OK;
    }
}
