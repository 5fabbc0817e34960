/* SPDX-License-Identifier: MIT
 * Which database a URL names, and what all of them say alike. */
#include "stores/sql_store.h"

#include <ctype.h>

#include "core/sha256.h"
#include "core/text.h"
#ifdef STELE_SQLITE
#include "stores/sqlite_store.h"
#endif

#define SQLITE_SCHEME "sqlite:"

stele_status stele_sql_store_new(const char *url, stele_sql_store **out, stele_error *err)
{
    size_t size = strlen(SQLITE_SCHEME);
    if (strncmp(url, SQLITE_SCHEME, size) != 0 || url[size] == '\0')
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s names no database: write sqlite:PATH, the file that holds it",
                          stele_quote(stele_text(url)).text);
#ifdef STELE_SQLITE
    *out = stele_sqlite_store_new(url + size);
    return STELE_OK;
#else
    (void)out;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s: this program was built without SQLite (cmake -DSTELE_SQLITE=ON)", url);
#endif
}

int64_t stele_sql_script_hash(const char *script)
{
    stele_bytes text = stele_text(script);
    while (text.size > 0 && isspace(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && isspace(text.data[text.size - 1]))
        text.size--;
    uint8_t digest[32];
    stele_sha256(text, digest);
    int64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

stele_status stele_sql_fail_setup(stele_error *err, const char *database,
                                  const stele_sql_setup *setup, int version_there)
{
    if (version_there != setup->version)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                          "%s holds version %d of %s and this is version %d: give it a database of "
                          "its own (store = … in [projection %s]), and drop the old one later",
                          database, version_there, setup->projection, setup->version,
                          setup->projection);
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "the setup of %s is not the one that %s was made with: raise the "
                      "projection's version and give that a database of its own (store = … in "
                      "[projection %s])",
                      setup->projection, database, setup->projection);
}
