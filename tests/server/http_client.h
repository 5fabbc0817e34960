/* SPDX-License-Identifier: MIT
 * A client for tests of the server: it sends what no proper client would, and fails the test where
 * something else comes than was expected. */
#ifndef STELE_TESTS_HTTP_CLIENT_H
#define STELE_TESTS_HTTP_CLIENT_H

#include "server/http_server.h"

/** Connect. @param from  the client's own address; 0: any. @return to be closed */
int http_dial(const stele_http_server *server, uint32_t from);

/** Send all of it; a server that has refused already is no failure. */
void http_say(int fd, const void *text, size_t size);
void http_say_text(int fd, const char *text);

/** Everything up to the end of the connection; caller frees. */
char *http_hear_all(int fd);

/** The next reply, whole; "" at the end of the connection. Caller frees. */
char *http_hear(int fd);

/** The status of a reply; 0: it is none. */
long http_code(const char *reply);

/** The next reply has this status. */
void http_expect(int fd, long code);

#endif
