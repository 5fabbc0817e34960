/* SPDX-License-Identifier: MIT
 * Sockets that listen. */
#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/text.h"

typedef struct addrinfo addresses;
STELE_SCOPE(addresses, freeaddrinfo);

/* "[::1]:8081" → "::1" and "8081" */
static stele_status split(const char *text, char **host, char **port, stele_error *err)
{
    const char *colon = strrchr(text, ':');
    int64_t number;
    bool is_fine = colon != NULL && colon != text &&
                   stele_parse_int64(stele_text(colon + 1), 0, 65535, &number, NULL) == STELE_OK;
    size_t size = is_fine ? (size_t)(colon - text) : 0;
    if (is_fine && text[0] == '[') {
        is_fine = text[size - 1] == ']' && size > 2;
    } else if (is_fine) {
        is_fine = memchr(text, ':', size) == NULL;
    }
    if (!is_fine) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: want HOST:PORT, as 127.0.0.1:8081 or [::1]:8081",
                          stele_quote(stele_text(text)).text);
    }
    *host = text[0] == '[' ? stele_strndup(text + 1, size - 2) : stele_strndup(text, size);
    *port = stele_strdup(colon + 1);
    return STELE_OK;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static void name_address(int fd, const char *host, stele_listener *out)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    getsockname(fd, (struct sockaddr *)&bound, &size);
    in_port_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)&bound)->sin_port;
    bool brackets = strchr(host, ':') != NULL;
    snprintf(out->address, sizeof out->address, "%s%s%s:%d", brackets ? "[" : "", host,
             brackets ? "]" : "", ntohs(port));
}

static stele_status bind_failed(const char *text, int code, stele_error *err)
{
    if (code == EADDRINUSE) {
        return stele_fail_cause(err, STELE_E_EXISTS, STELE_NEXT_STOP, code,
                                "%s is taken by another program: choose another HOST:PORT", text);
    }
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                            "%s cannot be listened to: %s", text, strerror(code));
}

stele_status stele_listen(const char *text, stele_listener *out, stele_error *err)
{
    STELE_AUTO(char) host = NULL;
    STELE_AUTO(char) port = NULL;
    STELE_AUTO(addresses) found = NULL;
    stele_status status = split(text, &host, &port, err);
    if (status < 0) return status;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0) {
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code, "%s: %s", text,
                                gai_strerror(code));
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        int failure = errno;
        if (fd >= 0) close(fd);
        return bind_failed(text, failure, err);
    }
    *out = (stele_listener){.socket = fd,
                            .is_ipv6 = found->ai_family == AF_INET6,
                            .is_loopback = is_loopback(found->ai_addr)};
    name_address(fd, host, out);
    return STELE_OK;
}
