/* SPDX-License-Identifier: MIT
 * The SQL database port: rows and the position that they stand for, changed in one transaction of
 * the database. Implementations: SQLite (stores/sqlite_store.h), PostgreSQL
 * (stores/postgres_store.h), for states of folds, without SQL, LMDB (stores/lmdb_store.h) and Redis
 * (stores/redis_store.h), and, for tests, memory (stores/memory_sql.h); one contract suite.
 *
 * Calls block, so a store is used by a thread of its own. What a failure means for the partition:
 *
 *   next = RETRY    it is away, locked or full, and nothing was changed: the same transaction may
 * be made again next = ABORT    what was committed is not known, or it is another database than
 * before: claim the partition again STELE_E_FENCED  another owner has claimed the partition next =
 * STOP     it needs a person
 *
 * A store keeps three tables of its own, `stele_projections`, `stele_positions` and
 * `stele_letters`. */
#ifndef STELE_STORES_SQL_STORE_H
#define STELE_STORES_SQL_STORE_H

#include <stele/bytes.h>
#include <stele/error.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "core/runtime.h"
#include "core/scope.h"
#include "kafka/log.h"
#include "stores/sink.h"
#include "stores/sql_text.h"

typedef struct stele_sql_store stele_sql_store;

typedef enum stele_sql_kind {
    STELE_SQL_NULL = 0,
    STELE_SQL_BOOLEAN,
    STELE_SQL_INTEGER,
    STELE_SQL_REAL,
    STELE_SQL_TEXT, /* UTF-8 */
    STELE_SQL_BYTES
} stele_sql_kind;

/** What the values of a parameter are, for databases that want to know before. */
typedef enum stele_sql_type {
    STELE_SQL_TYPE_ANY = 0, /* what the statement makes of it */
    STELE_SQL_TYPE_BOOLEAN,
    STELE_SQL_TYPE_INT,
    STELE_SQL_TYPE_LONG,
    STELE_SQL_TYPE_FLOAT,
    STELE_SQL_TYPE_DOUBLE,
    STELE_SQL_TYPE_TEXT,
    STELE_SQL_TYPE_BYTES,
    STELE_SQL_TYPE_DECIMAL, /* this one and those below come as texts */
    STELE_SQL_TYPE_UUID,
    STELE_SQL_TYPE_DATE,
    STELE_SQL_TYPE_TIME,
    STELE_SQL_TYPE_TIMESTAMP,
    STELE_SQL_TYPE_LOCAL_TIMESTAMP,
    STELE_SQL_TYPE_DURATION,
    STELE_SQL_TYPE_JSON
} stele_sql_type;

/** A value for a parameter of a statement. */
typedef struct stele_sql_value {
    stele_sql_kind kind;
    union {
        int64_t integer; /* of a boolean: 0 or 1 */
        double real;
        stele_bytes bytes; /* of a text, too; borrowed for the call */
    } as;
} stele_sql_value;

/** A partition of a projection's source. Texts are borrowed for the call. */
typedef struct stele_sql_place {
    const char *group; /* "<projection>.v<n>" */
    stele_partition source;
} stele_sql_place;

/** An event that was set aside. What is beside the value is for whoever looks with SQL. */
typedef struct stele_sql_letter {
    int64_t offset;    /* of the event */
    stele_bytes value; /* as it is kept; null: it is removed */
    const char *id;    /* of its aggregate; NULL: it is no text */
    const char *code;
    const char *reason;
    int32_t attempts;
    const char *first_failed_at; /* ISO 8601 */
} stele_sql_letter;

/** One that was read. Valid for the call. */
typedef void stele_sql_each_letter(void *context, int64_t offset, stele_bytes value);
/** A partition that someone has claimed, and how far it is. Valid for the call. */
typedef void stele_sql_each_place(void *context, const stele_sql_place *place, int64_t position);

/** What a projection makes once, before its first event. */
typedef struct stele_sql_setup {
    const char *projection;
    int version;
    const char *script; /* statements as the file has them; "" for none */
} stele_sql_setup;

/** Where a partition of a projection goes back to. */
typedef struct stele_sql_return {
    stele_partition source;
    int64_t position;
} stele_sql_return;

/** A projection that begins again. Borrowed for the call. */
typedef struct stele_sql_reset {
    stele_sql_setup setup;
    const char *group;    /* "<projection>.v<n>" */
    const char *teardown; /* what takes away what setup has made; NULL: rows stay, and … */
    const stele_sql_return *returns; /* … these partitions go back */
    size_t return_count;
} stele_sql_reset;

/** Where a partition stands, and the term of whoever has claimed it. */
typedef struct stele_sql_claim {
    int64_t term;
    stele_mark mark;    /* position -1: nothing was stored yet */
    int32_t partitions; /* of the source, when something of it was stored first: where it is another
                           count than the caller's, this one is not claimed */
    char genesis[37];   /* of the registry, likewise */
} stele_sql_claim;

/** A statement to be prepared; borrowed for the call. */
typedef struct stele_sql_query {
    const char *text; /* $1, $2, … are its parameters, in the order in which they are there first */
    const stele_sql_type *types; /* of the parameters; NULL: any */
    size_t parameters;
    bool takes_arrays; /* in PostgreSQL: each parameter is an array, for many rows at once */
} stele_sql_query;

/** A row that was read. Values are valid for the call. */
typedef void stele_sql_each(void *context, const stele_sql_value *values, size_t count);

typedef struct stele_sql_store_ops {
    stele_status (*open)(stele_sql_store *store, stele_error *err);
    stele_status (*setup)(stele_sql_store *store, const stele_sql_setup *setup, size_t *at,
                          stele_error *err);
    stele_status (*teardown)(stele_sql_store *store, const stele_sql_setup *teardown, size_t *at,
                             stele_error *err);
    stele_status (*reset)(stele_sql_store *store, const stele_sql_reset *reset, size_t *at,
                          stele_error *err);
    stele_status (*prepare)(stele_sql_store *store, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err);
    stele_status (*claim)(stele_sql_store *store, const stele_sql_place *place, int32_t partitions,
                          const char *genesis, stele_sql_claim *out, stele_error *err);
    stele_status (*begin)(stele_sql_store *store, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err);
    stele_status (*execute)(stele_sql_store *store, size_t statement, const stele_sql_value *values,
                            size_t count, stele_error *err);
    stele_status (*execute_many)(stele_sql_store *store, size_t statement,
                                 const stele_sql_value *const *rows, size_t row_count, size_t count,
                                 stele_error *err); /* NULL: one after the other */
    stele_status (*commit)(stele_sql_store *store, stele_error *err);
    stele_status (*read)(stele_sql_store *store, size_t statement, const stele_sql_value *values,
                         size_t count, stele_sql_each *each, void *context, stele_error *err);
    stele_status (*keep)(stele_sql_store *store, const stele_sql_place *place,
                         const stele_sql_letter *letter, stele_error *err);
    stele_status (*letters)(stele_sql_store *store, const stele_sql_place *place,
                            stele_sql_each_letter *each, void *context, stele_error *err);
    stele_status (*places)(stele_sql_store *store, stele_sql_each_place *each, void *context,
                           stele_error *err);
    void (*rollback)(stele_sql_store *store);
    void (*close)(stele_sql_store *store);
    void (*free)(stele_sql_store *store);
} stele_sql_store_ops;

#define STELE_SQL_NO_STATEMENT SIZE_MAX

struct stele_sql_store {
    const stele_sql_store_ops *ops;
    char *shown;      /* what messages call it, owned; NULL: "the database" */
    atomic_bool ends; /* whoever waits for the database gives up */
    size_t executed;  /* statements of the transaction */
    size_t failed;    /* which of them a failure is about, from 0; or STELE_SQL_NO_STATEMENT */
};

/** How the statements of a database that `url` names are written. */
stele_sql_dialect stele_sql_dialect_of(const char *url);

/** `url` for messages and logs: without what is secret in it. Caller frees. */
char *stele_sql_url_shown(const char *url);

/**
 * A store of the database that `url` names, not opened yet.
 *
 * @param url  "sqlite:PATH", "postgres:CONNINFO", "postgres://…"; states of folds only:
 * "lmdb:PATH", "redis:HOST:PORT/DB", "redis://…"
 * @param out  caller owns; release with stele_sql_store_free
 * @return STELE_E_INVALID  no such kind of database, or one that this program was built without
 *                          (next = STOP)
 */
stele_status stele_sql_store_new(stele_runtime runtime, const char *url, stele_sql_store **out,
                                 stele_error *err);

/**
 * Connect, and make the store's own tables. After it was closed it may be opened again; statements
 * are prepared again then.
 *
 * @return STELE_E_NOT_FOUND  there can be no database in that place (next = STOP)
 */
static inline stele_status stele_sql_store_open(stele_sql_store *store, stele_error *err)
{
    return store->ops->open(store, err);
}

/**
 * Run the script of a projection's setup, unless it was run before, in one transaction.
 *
 * @param at  where in the script a statement is wrong; untouched where it is not that
 * @return STELE_E_CONFLICT  the database holds the projection in another version, or made by
 *                           another script (next = STOP)
 *         STELE_E_INVALID   a statement is wrong (next = STOP)
 */
static inline stele_status stele_sql_store_setup(stele_sql_store *store,
                                                 const stele_sql_setup *setup, size_t *at,
                                                 stele_error *err)
{
    return store->ops->setup(store, setup, at, err);
}

/** Run the script that takes away what setup has made, and forget the projection and its positions,
 * in one transaction. A projection that is not there is fine, and its script is not run. */
static inline stele_status stele_sql_store_teardown(stele_sql_store *store,
                                                    const stele_sql_setup *teardown, size_t *at,
                                                    stele_error *err)
{
    return store->ops->teardown(store, teardown, at, err);
}

/**
 * Let a projection begin again, in one transaction. Terms are raised, so that whoever has one of
 * its partitions commits nothing more before it has claimed it again.
 *
 * With a teardown all that setup has made is made again, by the setup as it is now, and each
 * partition is before its first event, with no letters. Without one, rows stay as they are, and
 * those partitions that have come further than where they are to go back to are there then.
 *
 * @param at  where in the teardown a statement is wrong; untouched where it is not that
 * @return STELE_OK  also where the projection is not there: it has not begun
 *         STELE_E_CONFLICT, STELE_E_INVALID  as stele_sql_store_setup
 */
static inline stele_status stele_sql_store_reset(stele_sql_store *store,
                                                 const stele_sql_reset *reset, size_t *at,
                                                 stele_error *err)
{
    return store->ops->reset(store, reset, at, err);
}

/**
 * Prepare a statement. It may not end or begin a transaction, nor change the store's own tables.
 *
 * @param statement  what `execute` takes, until the store is closed
 * @param at         where in the text something is wrong; untouched where that is not known
 * @return STELE_E_INVALID  it is wrong (next = STOP)
 */
static inline stele_status stele_sql_store_prepare(stele_sql_store *store,
                                                   const stele_sql_query *query, size_t *statement,
                                                   size_t *at, stele_error *err)
{
    return store->ops->prepare(store, query, statement, at, err);
}

/**
 * Become the owner of a partition: its term is raised, so that whoever had it commits nothing more.
 *
 * @param partitions, genesis  are kept with what is stored first
 */
static inline stele_status stele_sql_store_claim(stele_sql_store *store,
                                                 const stele_sql_place *place, int32_t partitions,
                                                 const char *genesis, stele_sql_claim *out,
                                                 stele_error *err)
{
    return store->ops->claim(store, place, partitions, genesis, out, err);
}

/**
 * Begin a transaction that moves the position.
 *
 * @param from  where it is now; -1: nothing was stored yet
 * @return STELE_E_FENCED  it is not there, or the term is over; no transaction is begun
 */
static inline stele_status stele_sql_store_begin(stele_sql_store *store,
                                                 const stele_sql_place *place, int64_t term,
                                                 int64_t from, const stele_mark *to,
                                                 stele_error *err)
{
    store->executed = 0;
    store->failed = STELE_SQL_NO_STATEMENT;
    return store->ops->begin(store, place, term, from, to, err);
}

/**
 * Execute a statement within the transaction. It may be on its way for a while: what the database
 * says of it comes with a later call then, up to the commit. After a failure only `rollback`
 * follows, and `failed` says which statement it is about.
 *
 * @return STELE_E_INVALID  the database refuses it (next = STOP)
 */
static inline stele_status stele_sql_store_execute(stele_sql_store *store, size_t statement,
                                                   const stele_sql_value *values, size_t count,
                                                   stele_error *err)
{
    store->executed++;
    return store->ops->execute(store, statement, values, count, err);
}

/** The same for many rows of a statement that takes arrays: at once, where the database can. After
 * a failure `failed` is one of the rows that went together. */
static inline stele_status stele_sql_store_execute_many(stele_sql_store *store, size_t statement,
                                                        const stele_sql_value *const *rows,
                                                        size_t row_count, size_t count,
                                                        stele_error *err)
{
    stele_status status = STELE_OK;
    if (store->ops->execute_many != NULL) {
        store->executed += row_count;
        return store->ops->execute_many(store, statement, rows, row_count, count, err);
    }
    for (size_t i = 0; i < row_count && status == STELE_OK; i++)
        status = stele_sql_store_execute(store, statement, rows[i], count, err);
    return status;
}

/** Commit. After a failure there is no transaction, and `failed` says which statement it is about,
 * if it is about one; next = ABORT where it may have been committed. */
static inline stele_status stele_sql_store_commit(stele_sql_store *store, stele_error *err)
{
    return store->ops->commit(store, err);
}

/** Read what a prepared query finds, outside of a transaction: texts, whole numbers, bytes and
 * nulls. After a failure `each` may have been called for some rows. */
static inline stele_status stele_sql_store_read(stele_sql_store *store, size_t statement,
                                                const stele_sql_value *values, size_t count,
                                                stele_sql_each *each, void *context,
                                                stele_error *err)
{
    return store->ops->read(store, statement, values, count, each, context, err);
}

/** Within the transaction of that place: keep a letter, in place of one of the same event, or
 * remove it. What the database says of it may come with a later call, up to the commit. */
static inline stele_status stele_sql_store_keep(stele_sql_store *store,
                                                const stele_sql_place *place,
                                                const stele_sql_letter *letter, stele_error *err)
{
    return store->ops->keep(store, place, letter, err);
}

/** The letters of a place in the order of their events, outside of a transaction. After a failure
 * `each` may have been called for some. */
static inline stele_status stele_sql_store_letters(stele_sql_store *store,
                                                   const stele_sql_place *place,
                                                   stele_sql_each_letter *each, void *context,
                                                   stele_error *err)
{
    return store->ops->letters(store, place, each, context, err);
}

/** All places of all projections, likewise. */
static inline stele_status stele_sql_store_places(stele_sql_store *store,
                                                  stele_sql_each_place *each, void *context,
                                                  stele_error *err)
{
    return store->ops->places(store, each, context, err);
}

/** Undo the transaction. None is fine. */
static inline void stele_sql_store_rollback(stele_sql_store *store)
{
    store->ops->rollback(store);
}

/** Disconnect: what is open is undone, what was prepared is gone. Not being open is fine. */
static inline void stele_sql_store_close(stele_sql_store *store)
{
    store->ops->close(store);
}

/** Whatever waits for the database gives up, now and later. From any thread. */
static inline void stele_sql_store_end(stele_sql_store *store)
{
    atomic_store(&store->ends, true);
}

/** What messages call it. */
static inline const char *stele_sql_store_name(const stele_sql_store *store)
{
    return store->shown == NULL ? "the database" : store->shown;
}

/** Close and release it. NULL is fine. */
static inline void stele_sql_store_free(stele_sql_store *store)
{
    if (store == NULL) return;
    free(store->shown);
    store->ops->free(store);
}
STELE_SCOPE(stele_sql_store, stele_sql_store_free);

/* ---- what all implementations say alike ---- */

/** Say that the database holds the projection in another version, or made by another script.
 * @return STELE_E_CONFLICT (next = STOP) */
stele_status stele_sql_fail_setup(stele_error *err, const char *database,
                                  const stele_sql_setup *setup, int version_there);

/** Say that another owner has claimed the partition. @return STELE_E_FENCED (next = STOP) */
stele_status stele_sql_fail_fenced(stele_error *err, const char *database,
                                   const stele_sql_place *place);

/** Say what a statement of a file may not do. @return STELE_E_INVALID (next = STOP) */
stele_status stele_sql_fail_forbidden(stele_error *err);

#endif
