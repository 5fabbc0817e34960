/* SPDX-License-Identifier: MIT
 * Requests byte by byte, and replies as they come. */
#include "tests/server/http_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "core/alloc.h"
#include "tests/support/test.h"

int http_dial(const stele_http_server *server, uint32_t from)
{
    const char *address = stele_http_server_address(server);
    long port = strtol(strrchr(address, ':') + 1, NULL, 10);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (from != 0) assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void http_say(int fd, const void *text, size_t size)
{
    const char *at = text;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0) return; /* it has refused already */
        at += sent;
        size -= (size_t)sent;
    }
}

void http_say_text(int fd, const char *text)
{
    http_say(fd, text, strlen(text));
}

char *http_hear_all(int fd)
{
    STELE_AUTO_VALUE(stele_buffer) heard = {0};
    char piece[4096];
    ssize_t size;
    while ((size = recv(fd, piece, sizeof piece, 0)) > 0)
        stele_buffer_append(&heard, stele_bytes_of(piece, (size_t)size));
    return stele_strdup(stele_buffer_text(&heard));
}

char *http_hear(int fd)
{
    STELE_AUTO_VALUE(stele_buffer) heard = {0};
    char byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        stele_buffer_push(&heard, (uint8_t)byte);
        const char *text = stele_buffer_text(&heard);
        const char *body = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        if (body == NULL) continue;
        size_t size = length == NULL ? 0 : strtoul(length + strlen("Content-Length: "), NULL, 10);
        if (heard.size == (size_t)(body - text) + 4 + size) break;
    }
    return stele_strdup(stele_buffer_text(&heard));
}

long http_code(const char *reply)
{
    return strlen(reply) < 12 ? 0 : strtol(reply + 9, NULL, 10);
}

void http_expect(int fd, long code)
{
    STELE_AUTO(char) reply = http_hear(fd);
    if (http_code(reply) != code) fail_msg("%s\nexpected %ld", reply, code);
}
