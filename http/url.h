/* SPDX-License-Identifier: MIT
 * Texts as parts of a URL. */
#ifndef STELE_HTTP_URL_H
#define STELE_HTTP_URL_H

#include <stele/bytes.h>

/** Percent-encoded, for one segment of a path (RFC 3986, 2.3). Caller owns. */
char *stele_url_segment(stele_bytes text);

#endif
