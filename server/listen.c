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
        is_fine = memchr(text, ':', size) == NULL && text[0] != '*';
    }
    if (!is_fine) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: expected HOST:PORT, as 127.0.0.1:8081, [::1]:8081, or 0.0.0.0:8081 "
                          "for all addresses",
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

static stele_status listen_failed(const char *text, int code, stele_error *err)
{
    switch (code) {
    case EADDRINUSE:
        return stele_fail_cause(err, STELE_E_EXISTS, STELE_NEXT_STOP, code,
                                "%s is taken by another program: choose another HOST:PORT", text);
    case EADDRNOTAVAIL:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                                "%s is no address of this machine: choose one that \"ip address\" "
                                "shows, 127.0.0.1 for this machine alone, or 0.0.0.0 for all",
                                text);
    case EACCES:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                                "%s: this user may not listen on a port that low: choose one from "
                                "1024 on, or grant the program CAP_NET_BIND_SERVICE",
                                text);
    case EAFNOSUPPORT:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                                "%s: this system has no IPv6: choose an IPv4 address", text);
    default:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                                "%s cannot be listened on: %s", text, strerror(code));
    }
}

/* @return the socket, or -1 with errno */
static int listen_on(const struct addrinfo *at)
{
    int yes = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
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
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, code,
                                "%s: %s: the host must be an address or a name of this machine",
                                text, gai_strerror(code));
    }
    /* A name may have an IPv6 address on a system without IPv6: the first that works. */
    const struct addrinfo *at = found;
    int fd = listen_on(at);
    while (fd < 0 && at->ai_next != NULL) {
        at = at->ai_next;
        fd = listen_on(at);
    }
    if (fd < 0) return listen_failed(text, errno, err);
    *out = (stele_listener){.socket = fd, .is_loopback = is_loopback(at->ai_addr)};
    name_address(fd, host, out);
    return STELE_OK;
}
