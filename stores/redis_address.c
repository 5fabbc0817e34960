/* SPDX-License-Identifier: MIT
 * The address of a Redis. */
#include "stores/redis_address.h"

#include <ctype.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { PORT = 6379, PORT_MAX = 65535, DATABASE_MAX = 1000000 };

void redis_address_clear(redis_address *address)
{
    free(address->host);
    free(address->user);
    free(address->password);
    *address = (redis_address){0};
}

static stele_status fail_address(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "it is no address of a Redis: write redis:HOST:PORT/DB, or "
                      "redis://USER:PASSWORD@HOST:PORT/DB");
}

static bool read_number(const char *text, size_t size, int max, int *out)
{
    int number = 0;
    if (size == 0 || size > 7) return false;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
        number = 10 * number + (text[i] - '0');
    }
    *out = number;
    return number <= max;
}

static int digit_of(char c)
{
    if (isdigit((unsigned char)c)) return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? 10 + c - 'a' : -1;
}

/* A part of a URI, with its %XX as bytes. Caller frees. @return NULL: it is none */
static char *decode(const char *text, size_t size)
{
    char *out = stele_alloc(size + 1);
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        int high = i + 2 < size ? digit_of(text[i + 1]) : -1;
        int low = i + 2 < size ? digit_of(text[i + 2]) : -1;
        if (text[i] != '%') {
            out[count++] = text[i];
            continue;
        }
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            free(out);
            return NULL;
        }
        out[count++] = (char)(16 * high + low);
        i += 2;
    }
    out[count] = '\0';
    return out;
}

/* USER:PASSWORD, :PASSWORD, or USER. */
static bool read_user(const char *text, size_t size, redis_address *out)
{
    const char *colon = memchr(text, ':', size);
    size_t user = colon == NULL ? size : (size_t)(colon - text);
    if (user > 0 && (out->user = decode(text, user)) == NULL) return false;
    if (colon == NULL) return true;
    out->password = decode(colon + 1, size - user - 1);
    return out->password != NULL;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT. */
static bool read_host(const char *text, size_t size, redis_address *out)
{
    const char *end = size > 0 && text[0] == '[' ? memchr(text, ']', size) : NULL;
    const char *begin = end == NULL ? text : text + 1;
    if (end == NULL) end = memchr(text, ':', size);
    if (end == NULL) end = text + size;
    if (end == begin) return false;
    out->host = stele_strndup(begin, (size_t)(end - begin));
    if (begin != text) end++;
    if (end == text + size) return true;
    return *end == ':' &&
           read_number(end + 1, (size_t)(text + size - end - 1), PORT_MAX, &out->port);
}

stele_status redis_address_parse(const char *text, redis_address *out, stele_error *err)
{
    bool is_uri = strncmp(text, "//", 2) == 0;
    out->port = PORT;
    if (is_uri) text += 2;
    size_t size = strlen(text);
    const char *at = is_uri ? strrchr(text, '@') : NULL;
    if (at != NULL) {
        if (!read_user(text, (size_t)(at - text), out)) return fail_address(err);
        size -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    const char *slash = memchr(text, '/', size);
    size_t host = slash == NULL ? size : (size_t)(slash - text);
    size_t rest = slash == NULL ? 0 : size - host - 1;
    if (!read_host(text, host, out)) return fail_address(err);
    if (rest > 0 && !read_number(slash + 1, rest, DATABASE_MAX, &out->database))
        return fail_address(err);
    return STELE_OK;
}
