/* SPDX-License-Identifier: MIT
 * What a browser sends along, and what it cannot forge. */
#include "server/http_access.h"

#include <string.h>
#include <strings.h>

enum { FORBIDDEN = 403, WRONG_TYPE = 415 };

/* Is it a name that a program of this machine uses, rather than one that a page has made point
 * here? */
static bool is_local_host(const char *host, const char *address)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (size == strlen(names[i]) && strncasecmp(host, names[i], size) == 0) return true;
    }
    return strcasecmp(host, address) == 0;
}

static bool is_json(const char *type)
{
    static const char *const types[] = {"application/json", "application/vnd.schemaregistry",
                                        "application/octet-stream"};
    if (type == NULL) return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strncasecmp(type, types[i], strlen(types[i])) == 0) return true;
    }
    return false;
}

bool stele_http_access_check(const stele_http_head *head, const stele_listener *listener,
                             stele_http_refusal *refusal)
{
    const char *site = stele_http_head_field(head, "Sec-Fetch-Site");
    const char *coding = stele_http_head_field(head, "Content-Encoding");
    bool has_body = strcmp(head->method, "POST") == 0 || strcmp(head->method, "PUT") == 0;
    if (stele_http_head_field(head, "Origin") != NULL ||
        (site != NULL && strcmp(site, "none") != 0))
        return stele_http_refuse(refusal, FORBIDDEN, "requests of web pages are refused");
    if (listener->is_loopback && head->host != NULL &&
        !is_local_host(head->host, listener->address))
        return stele_http_refuse(refusal, FORBIDDEN,
                                 "the request is for another host than this machine");
    if (has_body && !is_json(stele_http_head_field(head, "Content-Type")))
        return stele_http_refuse(refusal, WRONG_TYPE,
                                 "HTTP 415 Unsupported Media Type: the body must be JSON");
    if (coding != NULL && strcasecmp(coding, "identity") != 0)
        return stele_http_refuse(refusal, WRONG_TYPE,
                                 "HTTP 415 Unsupported Media Type: no Content-Encoding is "
                                 "supported");
    return true;
}
