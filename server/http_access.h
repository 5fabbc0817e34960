/* SPDX-License-Identifier: MIT
 * Who may ask, and with what: decided by a request's head alone. There is no authentication: web
 * pages are refused, and on an address of this machine, names of other machines. */
#ifndef STELE_SERVER_HTTP_ACCESS_H
#define STELE_SERVER_HTTP_ACCESS_H

#include "server/http_head.h"
#include "server/listen.h"

/** @return false: refused, with 403 or 415 */
bool stele_http_access_check(const stele_http_head *head, const stele_listener *listener,
                             stele_http_refusal *refusal);

#endif
