/* SPDX-License-Identifier: MIT
 * Which database a URL names, and what all of them say alike. */
#include "stores/sql_store.h"

#include "core/alloc.h"
#include "core/text.h"
#ifdef STELE_SQLITE
#include "stores/sqlite_store.h"
#endif
#ifdef STELE_LMDB
#include "stores/lmdb_store.h"
#endif
#ifdef STELE_POSTGRES
#include "stores/postgres_store.h"
#endif
#ifdef STELE_REDIS
#include "stores/redis_store.h"
#endif

#define WITHOUT "this program was built without %s (cmake -DSTELE_%s=ON)"

/* What comes behind "NAME:"; NULL: it is none of that kind. */
static const char *behind(const char *url, const char *name)
{
    size_t size = strlen(name);
    return strncmp(url, name, size) == 0 && url[size] == ':' ? url + size + 1 : NULL;
}

/* What libpq takes: all of a URI, or what comes behind "postgres:". NULL: it is none. */
static const char *conninfo_of(const char *url)
{
    const char *rest = behind(url, "postgres");
    if (rest == NULL) return behind(url, "postgresql") != NULL ? url : NULL;
    return strncmp(rest, "//", 2) == 0 ? url : rest;
}

stele_sql_dialect stele_sql_dialect_of(const char *url)
{
    if (behind(url, "lmdb") != NULL) return STELE_SQL_NONE;
    if (behind(url, "redis") != NULL) return STELE_SQL_HASHES;
    return conninfo_of(url) != NULL ? STELE_SQL_POSTGRES : STELE_SQL_SQLITE;
}

char *stele_sql_url_shown(const char *url)
{
#ifdef STELE_POSTGRES
    if (conninfo_of(url) != NULL) return stele_postgres_shown(conninfo_of(url));
#endif
#ifdef STELE_REDIS
    if (behind(url, "redis") != NULL) return stele_redis_shown(behind(url, "redis"));
#endif
    if (behind(url, "redis") != NULL) return stele_strdup("redis:");
    return stele_strdup(conninfo_of(url) != NULL ? "postgres:" : url);
}

/* What is no URL that we know may have a secret in it all the same: nothing of it is shown. */
static stele_status fail_url(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "it names no database: write sqlite:PATH, the file that holds it, "
                      "postgres:CONNINFO, how PostgreSQL is reached, or, for states of a fold, "
                      "lmdb:PATH or redis:HOST:PORT/DB");
}

static stele_status make_store(stele_runtime runtime, const char *url, stele_sql_store **out,
                               stele_error *err)
{
    const char *path = behind(url, "sqlite");
    const char *conninfo = conninfo_of(url);
    const char *lmdb = behind(url, "lmdb");
    (void)runtime, (void)out;
    if (lmdb != NULL && *lmdb != '\0') {
#ifdef STELE_LMDB
        *out = stele_lmdb_store_new(runtime, lmdb);
        return STELE_OK;
#else
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, WITHOUT, "LMDB", "LMDB");
#endif
    }
    if (behind(url, "rediss") != NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "Stele speaks no TLS to Redis: let a tunnel of this machine do that "
                          "(stunnel, a sidecar), and name that: redis:127.0.0.1:PORT/DB");
    if (behind(url, "redis") != NULL) {
#ifdef STELE_REDIS
        return stele_redis_store_new(runtime, behind(url, "redis"), out, err);
#else
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, WITHOUT, "Redis", "REDIS");
#endif
    }
    if (conninfo != NULL) {
#ifdef STELE_POSTGRES
        return stele_postgres_store_new(runtime, conninfo, out, err);
#else
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, WITHOUT, "PostgreSQL", "POSTGRES");
#endif
    }
    if (path == NULL || *path == '\0') return fail_url(err);
#ifdef STELE_SQLITE
    *out = stele_sqlite_store_new(path);
    return STELE_OK;
#else
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, WITHOUT, "SQLite", "SQLITE");
#endif
}

stele_status stele_sql_store_new(stele_runtime runtime, const char *url, stele_sql_store **out,
                                 stele_error *err)
{
    stele_status status = make_store(runtime, url, out, err);
    if (status == STELE_OK) (*out)->shown = stele_sql_url_shown(url);
    return status;
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

stele_status stele_sql_fail_fenced(stele_error *err, const char *database,
                                   const stele_sql_place *place)
{
    return stele_fail(err, STELE_E_FENCED, STELE_NEXT_STOP,
                      "%s/%d: another worker has taken its rows of %s in %s over",
                      place->source.topic, (int)place->source.index, place->group, database);
}

stele_status stele_sql_fail_forbidden(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "a statement may not begin or end transactions, attach databases, change "
                      "settings or Stele's own tables: rows and position are committed together");
}
